"""Rules for talking to a remote tier: how much may be asked of it, and when to ask again. Pure, no network here."""
