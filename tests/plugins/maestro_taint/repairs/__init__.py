"""Vulnerable programs to repair, written apart from the repairs, and a harness that runs them before and after."""
