"""What the outside world does with data: sources, sinks, sanitizers, propagators, entry points, as YAML."""
