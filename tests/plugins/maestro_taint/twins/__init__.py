"""Small programs in pairs that differ in one step: one vulnerable, one safe."""
