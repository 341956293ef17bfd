"""Tiers that machines share; loaded only after a local miss."""
