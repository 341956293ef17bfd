"""Programs with known behaviour: built from a grammar, run, and labelled by what happened. Never imports the engine."""
