"""Which files an action read that it did not declare."""
