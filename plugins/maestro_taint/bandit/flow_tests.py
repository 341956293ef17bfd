"""Which Bandit tests are about what flows into a call, and the sink kinds each speaks of.

Invariant: a test about how a program is set up (TLS, permissions, weak hashes, PATH look-ups) is not listed: a proof
that an argument is constant says nothing about it, so it stays Bandit's.
"""

from __future__ import annotations

import re

KINDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("B102", "B307"), ("code",)),
    **dict.fromkeys(("B602", "B603", "B604", "B605", "B606"), ("command",)),
    **dict.fromkeys(("B608", "B610", "B611"), ("sql",)),
    **dict.fromkeys(("B301", "B302", "B506", "B614"), ("deserialize",)),
    "B310": ("ssrf", "path"),
    **dict.fromkeys(("B308", "B703", "B704"), ("html",)),
    **dict.fromkeys(("B313", "B314", "B315", "B316", "B317", "B318", "B319"), ("xxe", "entities")),
}
# What "# nosec" silences here besides: tests about a misused call, which stay in Bandit's own gate.
MISUSE: dict[str, tuple[str, ...]] = {
    "B202": ("archive",), "B303": ("weak-hash",), "B306": ("temp-file",), "B311": ("random",), "B324": ("weak-hash",),
    "B701": ("autoescape",), **dict.fromkeys(("B105", "B106", "B107"), ("secret-literal",)),
}  # fmt: skip
# "# nosec" takes a test's name as well as its id.
NAMES = {
    "exec_used": "B102", "hardcoded_password_string": "B105", "hardcoded_password_funcarg": "B106",
    "hardcoded_password_default": "B107", "tarfile_unsafe_members": "B202", "pickle": "B301", "marshal": "B302",
    "md5": "B303", "mktemp_q": "B306", "eval": "B307", "mark_safe": "B308", "urllib_urlopen": "B310",
    "random": "B311", "xml_bad_cElementTree": "B313", "xml_bad_ElementTree": "B314", "xml_bad_expatreader": "B315",
    "xml_bad_expatbuilder": "B316", "xml_bad_sax": "B317", "xml_bad_minidom": "B318", "xml_bad_pulldom": "B319",
    "hashlib_insecure_functions": "B324", "yaml_load": "B506", "subprocess_popen_with_shell_equals_true": "B602",
    "subprocess_without_shell_equals_true": "B603", "any_other_function_with_shell_equals_true": "B604",
    "start_process_with_a_shell": "B605", "start_process_with_no_shell": "B606", "hardcoded_sql_expressions": "B608",
    "django_extra_used": "B610", "django_rawsql_used": "B611", "pytorch_load": "B614",
    "jinja2_autoescape_false": "B701", "django_mark_safe": "B703", "markupsafe_markup_xss": "B704",
}  # fmt: skip
# A file without any of these words has no flow-type result: Bandit, slow to load, need not be loaded for it.
TRIGGERS = re.compile(
    rb"\b(?:eval|exec|pickle|cPickle|marshal|dill|shelve|jsonpickle|yaml|torch|subprocess|popen\w*|Popen|system|spawn\w*|"
    rb"exec[vl]\w*|startfile|shell|commands|mark_safe|Markup|SafeString|SafeText|xml|sax|minidom|pulldom|expatreader|"
    rb"expatbuilder|lxml|urlopen|urlretrieve|URLopener|FancyURLopener|extra|RawSQL|read_pickle)\b|"
    rb"(?i:\bselect\b.{0,200}\bfrom\b|\binsert\s+into\b|\bdelete\s+from\b|\bupdate\b.{0,200}\bset\b|\bwith\s+\w+\s+as\b)",
    re.DOTALL,
)


def silenced(words: str) -> tuple[list[str], tuple[str, ...]]:
    """The ids that the words after ``# nosec`` name, and the rules of this gate they silence."""
    named = [NAMES.get(word, word) for word in re.findall(r"\w+", words)]
    ids = list(dict.fromkeys(one for one in named if re.fullmatch(r"B\d{3}", one)))
    kinds = (k for one in ids for k in (*KINDS.get(one, ()), *MISUSE.get(one, ())))
    return ids, tuple(dict.fromkeys(f"taint-{k.replace('_', '-')}" for k in kinds))


def may_apply(data: bytes) -> bool:
    """Whether a file can have a flow-type result at all."""
    return TRIGGERS.search(data) is not None
