"""The executor: Python's syntax tree to solver terms. Imports z3; loaded only when a verdict is not in the cache."""
