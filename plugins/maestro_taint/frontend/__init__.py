"""From bytes to a compact intermediate form; nothing of the analysed project is imported or executed."""
