"""The client: one call, from a Request to its events."""
