"""The flow engine: one abstract run per function, summaries to a fixpoint over the calls, sinks met on the way."""
