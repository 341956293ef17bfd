"""Contracts of five styles, read from the syntax tree into one form; the contract libraries are never imported."""
