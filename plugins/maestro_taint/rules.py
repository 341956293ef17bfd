"""The rule catalogue, derived from the kinds: one rule per way data can go wrong, with its CWE and advice.

Invariant: every rule a finding may carry is listed here.
"""

from __future__ import annotations

from maestro_hooks.registry import Rule
from maestro_taint.kinds import CONFIDENTIAL, KINDS, rule_of

PATTERNS = {
    "taint-weak-hash": (328, "Weak hash function"),
    "taint-cookie-flags": (614, "Cookie without Secure"),
    "taint-cookie-httponly": (1004, "Cookie without HttpOnly"),
    "taint-xxe-parser": (611, "XML parser that resolves entities"),
    "taint-archive": (22, "Archive extracted without a filter"),
    "taint-autoescape": (79, "Templates that do not escape"),
    "taint-temp-file": (377, "Temporary file another process can make first"),
    "taint-secret-literal": (798, "Secret written in the code"),
}
OWN = {
    "taint-unanalysed": "A file that could not be analysed",
    "taint-suppression": "A suppression without a reason, expired, or matching nothing",
}


def catalogue() -> tuple[Rule, ...]:
    """All rules, sorted by id."""
    made: dict[str, Rule] = {}
    for kind in KINDS.values():
        for source in ("pii", "secret") if kind.bit & CONFIDENTIAL else ("untrusted",):
            rule = rule_of(kind, source)
            made.setdefault(rule, Rule(rule, kind.title, kind.help, kind.cwe))
    for rule, (cwe, title) in PATTERNS.items():
        made[rule] = Rule(rule, title, "", cwe)
    for rule, title in OWN.items():
        made[rule] = Rule(rule, title)
    return tuple(made[key] for key in sorted(made))
