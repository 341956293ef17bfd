"""Repairs: an edit per kind, tried on a copy, kept only if it climbs the ladder of checks."""
