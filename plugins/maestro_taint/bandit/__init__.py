"""Bandit's flow-type results joined with the flows: confirmed, cleared with a proof, or left as Bandit gave them."""
