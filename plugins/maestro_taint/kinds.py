"""What can go wrong at a sink, as bits: a value carries, per source, the set of kinds it is still dangerous for.

Invariant: a bit has one name, one rule and one CWE; a source can only ever be live in the bits of its own class.
"""

from __future__ import annotations

from dataclasses import dataclass

FORCED = 32  # bits above this position were put back by an inverse operation (html.unescape)


@dataclass(frozen=True, slots=True)
class Kind:
    """A sink kind: its bit, the rule it reports under, the CWE and words for people."""

    name: str
    bit: int
    cwe: int
    title: str
    help: str


_TABLE = (
    ("sql", 89, "SQL injection", "bind values as query parameters"),
    ("sql_double", 89, "SQL injection", "bind values as query parameters"),
    ("sql_bare", 89, "SQL injection", "bind values as query parameters"),
    ("command", 78, "Command injection", "pass an argument list, or quote with shlex.quote"),
    ("code", 94, "Code injection", "do not evaluate input; ast.literal_eval reads literals"),
    ("path", 22, "Path traversal", "resolve the path and require it to stay below its base"),
    ("path_absolute", 22, "Path traversal", "resolve the path and require it to stay below its base"),
    (
        "html",
        79,
        "Cross-site scripting",
        "escape for HTML (html.escape, markupsafe) or render an autoescaping template",
    ),
    ("template", 1336, "Template injection", "keep template text constant and pass values as context"),
    ("xpath", 643, "XPath injection", "bind XPath variables"),
    ("xpath_double", 643, "XPath injection", "bind XPath variables"),
    ("xpath_bare", 643, "XPath injection", "bind XPath variables"),
    ("ldap", 90, "LDAP injection", "escape filter characters"),
    ("xxe", 611, "External XML entities", "parse with defusedxml or with entities switched off"),
    ("entities", 776, "XML entity expansion", "parse with defusedxml, or with entities switched off"),
    ("deserialize", 502, "Unsafe deserialisation", "use a data-only format such as JSON"),
    ("redirect", 601, "Open redirect", "compare the host with an allow-list"),
    ("ssrf", 918, "Server-side request forgery", "compare the host with an allow-list"),
    ("header", 113, "Header or cookie injection", "reject line breaks and encode the value"),
    ("trust", 501, "Trust boundary violation", "validate before storing in the session"),
    ("log_injection", 117, "Log injection", "replace line breaks before logging"),
    ("log", 532, "Sensitive data in a log", "redact it at the call"),
    ("net", 201, "Sensitive data sent out", "drop the field, redact or encrypt it"),
    ("file", 312, "Sensitive data stored in clear", "redact or encrypt it"),
    ("response", 200, "Sensitive data in a response", "drop the field or redact it"),
    ("random", 330, "Weak randomness", "use the secrets module"),
)

KINDS: dict[str, Kind] = {
    name: Kind(name, 1 << i, cwe, title, advice) for i, (name, cwe, title, advice) in enumerate(_TABLE)
}
BIT: dict[str, int] = {name: kind.bit for name, kind in KINDS.items()}
BY_BIT: dict[int, Kind] = {kind.bit: kind for kind in KINDS.values()}
SURE = 1 << 31  # no callee on the way was unknown
NAMED = 1 << 30  # none was a function value of which not even the name is known
CERTAIN = SURE | NAMED
KINDS_MASK = (1 << len(_TABLE)) - 1
ALL = KINDS_MASK | CERTAIN
# Kinds of one rule that different things rule out: a path that climbs or is absolute; a query in which the value stands
# between single quotes, between double quotes, or between none.
VARIANTS = {
    "path_absolute": "path", "sql_double": "sql", "sql_bare": "sql", "xpath_double": "xpath", "xpath_bare": "xpath",
}  # fmt: skip
PATHS = BIT["path"] | BIT["path_absolute"]
QUERIES = {name: BIT[name] | BIT[f"{name}_double"] | BIT[f"{name}_bare"] for name in ("sql", "xpath")}
SINGLE, DOUBLE = BIT["sql"] | BIT["xpath"], BIT["sql_double"] | BIT["xpath_double"]
# What a value holds no quote for.
QUOTES = {f"{name}.quoted": BIT[name] | BIT[f"{name}_double"] for name in QUERIES}
QUOTED = QUERIES["sql"] | QUERIES["xpath"]
CONFIDENTIAL = BIT["log"] | BIT["net"] | BIT["file"] | BIT["response"]
RANDOM = BIT["random"]
INJECTION = KINDS_MASK & ~CONFIDENTIAL & ~RANDOM
HOSTS = BIT["redirect"] | BIT["ssrf"]

# Who starts a program may name files, commands, hosts and templates: that is what its arguments are for.
ITS_OWN = PATHS | HOSTS | sum(BIT[name] for name in ("command", "log_injection", "template", "header", "trust"))
# Source classes and the kinds they can reach.
ACTIVE: dict[str, int] = {
    "untrusted": INJECTION,
    "pii": CONFIDENTIAL,
    "secret": CONFIDENTIAL,
    "weakrandom": RANDOM,
    "archive": PATHS,
    "argument": INJECTION & ~ITS_OWN,
}


def active(source_kind: str) -> int:
    """The bits a source kind such as ``untrusted`` or ``pii.email`` can reach."""
    return ACTIVE[source_kind.partition(".")[0]]


def mask(names: tuple[str, ...] | list[str]) -> int:
    """The bits of kind names; ``injection``, ``confidential``, ``path`` and ``all`` name groups.

    Raises:
        KeyError: an unknown name.
    """
    groups = {
        "injection": INJECTION,
        "confidential": CONFIDENTIAL,
        "path": PATHS,
        **QUERIES,
        **QUOTES,
        "all": KINDS_MASK,
    }
    total = 0
    for name in names:
        total |= groups[name] if name in groups else BIT[name]
    return total


def rule_of(kind: Kind, source_kind: str) -> str:
    """The rule id: ``taint-sql``, ``taint-pii-log``, ``taint-secret-net``."""
    head = source_kind.partition(".")[0]
    name = VARIANTS.get(kind.name, kind.name).replace("_", "-")
    return f"taint-{head}-{name}" if kind.bit & CONFIDENTIAL else f"taint-{name}"
