"""From flows to findings: levels, words, fingerprints, suppressions, baseline."""
