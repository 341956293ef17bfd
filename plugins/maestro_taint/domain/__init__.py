"""Abstract values: what a value may hold, where it came from, and what it is still dangerous for."""
