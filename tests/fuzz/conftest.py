"""The fuzzing targets are a module of their own, for the property tests and for atheris."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
