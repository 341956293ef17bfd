"""Where other tools come in: pytest, pre-commit, nox."""
