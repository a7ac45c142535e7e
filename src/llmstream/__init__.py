"""Call language models as streams of typed events."""
