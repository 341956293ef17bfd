"""Evidence: pure data in, data out. Imports no plugin and no integration."""
