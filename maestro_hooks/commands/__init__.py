"""One module per command-line verb, imported when the verb is used."""
