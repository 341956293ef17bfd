"""Calls with a safe counterpart: loaders, parsers, hashes, random numbers, archives, templates' escaping.

Invariant: a call is changed only where its counterpart gives the same for ordinary input; where the result is part of
a protocol, stored, or reproducible on purpose, the edit says so and is refused, or keeps the value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import libcst as cst

from maestro_taint.fixes.site import paren
from maestro_taint.fixes.view import TIGHT, Edit, Refusal, argument, has_star, with_argument

if TYPE_CHECKING:
    from maestro_taint.fixes.site import Site

NOT_SECURITY = re.compile(
    r"etag|cache|checksum|md5sum|sha1sum|fingerprint|gravatar|content.?md5|dedup|bucket|shard|partition|git|blob|"
    r"file.?hash|version|hibp|pwned|uuid|namespace|unique|filename|thumb",
    re.IGNORECASE,
)
SEQUENCE_USE = re.compile(r"\[|\.(items|keys|values|get|append|index|count|union)\b")


def deserialize(site: Site) -> Edit | Refusal:
    """``yaml.safe_load``; all other loaders run what they load."""
    call = site.node
    if not site.sink.startswith("yaml.") or not isinstance(call, cst.Call) or not call.args:
        return Refusal("pickle and its like run what they load: use a data format such as JSON")
    if re.search(r"add_(multi_)?constructor|YAMLObject|add_implicit_resolver", site.view.module.code):
        return Refusal("the file defines YAML tags of its own: a safe loader would not read them")
    loader = argument(call, 1, "Loader")
    if loader is not None and not re.search(
        r"(^|\.)(C?Loader|C?UnsafeLoader|C?FullLoader|SafeLoader)$", site.view.code(loader.value)
    ):
        return Refusal("the loader is the project's own")
    name = "safe_load_all" if site.sink.endswith("_all") else "safe_load"
    first = call.args[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    old = site.view.code(call.func)
    func: Any = (
        call.func.with_changes(attr=cst.Name(name)) if isinstance(call.func, cst.Attribute)
        else cst.parse_expression(site.use(f"yaml.{name}"))
    )  # fmt: skip
    unused = [old] if "." not in old else []
    unused += [
        c for c in (site.view.code(loader.value) if loader is not None else "").split(".")[:1] if c and c != "yaml"
    ]
    return site.edit((call, call.with_changes(func=func, args=[first])), unused=tuple(unused))


def weak_hash(site: Site) -> Edit | Refusal:
    """SHA-256; where the digest is no matter of security, the same digest said to be so."""
    call = site.node
    if not isinstance(call, cst.Call) or has_star(call):
        return Refusal("the hash's call cannot be rewritten")
    if site.sink.startswith("cryptography.") and isinstance(call.func, cst.Attribute):
        return site.edit((call, call.with_changes(func=call.func.with_changes(attr=cst.Name("SHA256")))))
    if not site.sink.startswith("hashlib."):
        return Refusal("the library's own name for SHA-256 is not known here")
    around = _around(site, call)
    if NOT_SECURITY.search(around):
        return site.edit(
            (call, with_argument(call, "usedforsecurity", cst.Name("False"))), note="digest kept: no security"
        )
    if re.search(r"['\"][0-9a-f]{32}(?:[0-9a-f]{8})?['\"]", around):
        return Refusal("the digest is compared with a stored one: changing the hash would break it")
    if re.search(
        r"\b(verify|check|compare|authenticate|matches)\w*\(|stored|expected", around.partition("\n")[0]
    ) or re.search(r"==\s*\w*(stored|expected)|compare_digest", around):
        return Refusal("the digest is compared with a stored one: changing the hash would break it")
    if site.sink == "hashlib.new":
        first = argument(call, 0, "name")
        if first is None:
            return Refusal("the hash's name is computed")
        return site.edit((first.value, cst.SimpleString('"sha256"')))
    old = site.view.code(call.func)
    if isinstance(call.func, cst.Attribute):
        return site.edit((call.func.attr, cst.Name("sha256")))
    func = cst.parse_expression(site.use("hashlib.sha256"))
    return site.edit((call.func, func), unused=(old,))


def _around(site: Site, node: cst.CSTNode) -> str:
    """The function around, or at module level the statement."""
    scope = site.view.scope(node)
    if isinstance(scope, cst.FunctionDef):
        text = site.view.code(scope.with_changes(decorators=(), leading_lines=()))
        return re.sub(r"^\s*(async )?def ", "", text)
    line = next((n for n in site.view.up(node) if isinstance(n, cst.SimpleStatementLine)), node)
    return site.view.code(line)


def weak_random(site: Site) -> Edit | Refusal:
    """The numbers' origin moves to the operating system's generator."""
    code = site.view.module.code
    if re.search(r"\brandom\.seed\(|\bseed\(\s*\w|\.seed\(|Random\(\s*[^)\s]", code):
        return Refusal("the numbers are seeded: they are meant to repeat")
    swaps: list[tuple[cst.CSTNode, cst.CSTNode]] = []
    unused: list[str] = []
    lines = {s.line for s in site.finding.trace if s.path == site.finding.trace[0].path}
    told = [c for c in site.view.nodes(cst.Call) if site.view.positions[c].start.line in lines]
    scopes = {id(site.view.scope(c)) for c in told}
    for call in site.view.nodes(cst.Call):
        if id(site.view.scope(call)) not in scopes and call not in told:
            continue
        made = _strong(site, call, unused)
        if made is not None:
            swaps.append((call.func, made))
    if not swaps:
        return Refusal("the numbers come from another file")
    return site.edit(*swaps, unused=tuple(unused))


SAME = {"choice": "secrets.choice", "randbytes": "secrets.token_bytes", "getrandbits": "secrets.randbits"}
METHODS = frozenset(
    {"random", "randint", "randrange", "choices", "sample", "uniform", "shuffle", "normalvariate", "gauss",
     "triangular", "betavariate", "expovariate"}
)  # fmt: skip


def _strong(site: Site, call: cst.Call, unused: list[str]) -> cst.BaseExpression | None:
    written = site.view.code(call.func)
    head, _, name = site.means(call.func).rpartition(".")
    if head != "random":
        return None
    if name == "Random":
        return cst.parse_expression(site.use("secrets.SystemRandom"))
    if name in SAME:
        made = site.use(SAME[name])
    elif name in METHODS:
        made = f"{site.use('secrets.SystemRandom')}().{name}"
    else:
        return None
    unused += [] if "." in written else [written]
    return cst.parse_expression(made)


def xml(site: Site) -> Edit | Refusal:
    """A parser that resolves no external entities."""
    call = site.node
    if not isinstance(call, cst.Call):
        return Refusal("the parser's call cannot be rewritten")
    if site.finding.rule == "taint-xxe-parser":
        return site.edit((call, with_argument(call, "resolve_entities", cst.Name("False"))))
    if site.sink.startswith("lxml."):
        return _lxml(site, call)
    if site.sink.startswith("xml.sax.xmlreader") or "pulldom" in site.sink:
        return _features(site, call)
    return _defused(site, call)


def _lxml(site: Site, call: cst.Call) -> Edit | Refusal:
    given = argument(call, 1, "parser")
    if site.sink.endswith("iterparse"):
        made = with_argument(with_argument(call, "resolve_entities", cst.Name("False")), "no_network", cst.Name("True"))
        return Refusal("the parser's options come from elsewhere") if has_star(call) else site.edit((call, made))
    if given is None:
        if has_star(call):
            return Refusal("the parser comes from elsewhere")
        name = site.view.code(call.func)
        etree = name.rpartition(".")[0]
        parser = f"{etree}.XMLParser" if etree.endswith("etree") else site.use("lxml.etree.XMLParser")
        safe = cst.parse_expression(f"{parser}(resolve_entities=False, no_network=True)")
        return site.edit((call, with_argument(call, "parser", safe)))
    maker: Any = given.value
    if isinstance(maker, cst.Name):
        one = site.view.assigned(maker)
        maker = one.value if one is not None else None
    if isinstance(maker, cst.Call) and site.view.code(maker.func).endswith("XMLParser") and not has_star(maker):
        return site.edit((maker, with_argument(maker, "resolve_entities", cst.Name("False"))))
    return Refusal("the parser is made elsewhere")


def _features(site: Site, call: cst.Call) -> Edit | Refusal:
    """``setFeature(feature_external_ges, True)`` becomes ``False``."""
    swaps = []
    scope = site.view.scope(call)
    for one in site.view.nodes(cst.Call, scope):
        if site.view.code(one.func).endswith(".setFeature") and len(one.args) == 2:
            feature = site.view.code(one.args[0].value)
            if re.search(r"external_(ges|pes)|external-(general|parameter)-entities", feature):
                swaps.append((one.args[1].value, cst.Name("False")))
    return site.edit(*swaps) if swaps else Refusal("the parser's features are set elsewhere")


DEFUSED = {
    "xml.etree.ElementTree": "defusedxml.ElementTree", "xml.dom.minidom": "defusedxml.minidom",
    "xml.dom.pulldom": "defusedxml.pulldom", "xml.sax": "defusedxml.sax",
    "xml.etree.cElementTree": "defusedxml.ElementTree",
}  # fmt: skip


def _defused(site: Site, call: cst.Call) -> Edit | Refusal:
    module, _, name = site.sink.rpartition(".")
    if module not in DEFUSED or name not in ("parse", "fromstring", "XML", "iterparse", "parseString"):
        return Refusal("defusedxml has no counterpart of this function")
    if argument(call, 99, "parser") is not None or (
        name in ("parse", "fromstring") and "etree" in module and len(call.args) > 1
    ):
        return Refusal("the call brings a parser of its own")
    return site.edit((call.func, cst.parse_expression(site.use(f"{DEFUSED[module]}.{name}"))), note="needs defusedxml")


def archive(site: Site) -> Edit | Refusal:
    """``extractall(filter="data")`` (PEP 706)."""
    call = site.node
    if not isinstance(call, cst.Call) or has_star(call):
        return Refusal("the call's options come from elsewhere")
    return site.edit((call, with_argument(call, "filter", cst.SimpleString('"data"'))))


def temp_file(site: Site) -> Edit | Refusal:
    """A name in a fresh directory of its own: free, as before, and nobody else can take it."""
    call = site.node
    given = {n: argument(call, i, n) for i, n in enumerate(("suffix", "prefix", "dir"))} if not has_star(call) else {}
    if not given:
        return Refusal("the name's parts come from elsewhere")
    place = given.pop("dir")
    directory = cst.Call(
        cst.parse_expression(site.use("tempfile.mkdtemp")),
        [] if place is None else [cst.Arg(place.value, keyword=cst.Name("dir"), equal=TIGHT)],
    )
    name: cst.BaseExpression = cst.SimpleString('"tmp"')
    if given["prefix"] is not None:
        name = cst.BinaryOperation(paren(given["prefix"].value), cst.Add(), name)
    if given["suffix"] is not None:
        name = cst.BinaryOperation(name, cst.Add(), paren(given["suffix"].value))
    join = cst.parse_expression(site.use("os.path.join"))
    old = site.view.code(call.func)
    return site.edit((call, cst.Call(join, [cst.Arg(directory), cst.Arg(name)])), unused=() if "." in old else (old,))


def autoescape(site: Site) -> Edit | Refusal:
    """``Environment(autoescape=select_autoescape())``: HTML and XML templates escape, others stay as they are."""
    call = site.node
    if not isinstance(call, cst.Call) or has_star(call):
        return Refusal("the environment's options come from elsewhere")
    if argument(call, 99, "autoescape") is not None and not re.search(r"False", site.view.code(call)):
        return Refusal("autoescape is computed")
    made = cst.Call(cst.parse_expression(site.use("jinja2.select_autoescape")))
    return site.edit((call, with_argument(call, "autoescape", made)))


def code(site: Site) -> Edit | Refusal:
    """``ast.literal_eval`` where the result is used as data that has a literal form."""
    call = site.node
    if site.sink != "builtins.eval" or not isinstance(call, cst.Call) or len(call.args) != 1 or has_star(call):
        return Refusal("the code itself comes from outside: no edit keeps what it does")
    if not _reads_literals(site, call):
        return Refusal("eval() may be meant to compute: ast.literal_eval reads literals only")
    made = call.with_changes(func=cst.parse_expression(site.use("ast.literal_eval")))
    given = call.args[0].value
    if re.search(r"\.(data|body)$|\.get_data\(\)$|\.read\(\)$", site.view.code(given)):
        text = cst.Call(
            cst.Attribute(paren(given), cst.Name("decode"))
        )  # eval() reads bytes too, literal_eval() does not
        made = made.with_changes(args=[call.args[0].with_changes(value=text)])
    return site.edit((call, made))


def _reads_literals(site: Site, call: cst.Call) -> bool:
    """Evidence that literals are meant: a literal default, a display around, or a result used as a collection."""
    text = _origin(site, call.args[0].value)
    if re.search(r"""['"](\[\s*\]|\{\s*\}|\(\s*\)|None|\[[^'"]*\]|\{[^'"]*\})['"]""", text):
        return True
    parent = site.view.parents.get(call)
    if isinstance(parent, cst.Attribute | cst.Subscript) and SEQUENCE_USE.search(site.view.code(parent)):
        return True
    if isinstance(parent, cst.For | cst.CompFor) and parent.iter is call:
        return True
    if isinstance(parent, cst.AnnAssign):
        return bool(re.match(r"(list|dict|tuple|set)\b", site.view.code(parent.annotation.annotation), re.IGNORECASE))
    if isinstance(parent, cst.Arg):
        outer = site.view.parents.get(parent)
        if isinstance(outer, cst.Call):
            return site.view.code(outer.func) in (
                "list",
                "dict",
                "tuple",
                "set",
                "len",
                "sum",
                "sorted",
                "json.dumps",
                "jsonify",
            )
    if isinstance(parent, cst.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0].target, cst.Name):
        return _used_as_collection(site, parent.targets[0].target)
    return False


def _used_as_collection(site: Site, name: cst.Name) -> bool:
    for load in site.view.loads(site.view.scope(name), name.value):
        parent = site.view.parents.get(load)
        if isinstance(parent, cst.For | cst.CompFor) and parent.iter is load:
            return True
        if isinstance(parent, cst.Subscript) and parent.value is load:
            return True
        if isinstance(parent, cst.Attribute) and SEQUENCE_USE.search(site.view.code(parent)):
            return True
        outer = site.view.parents.get(parent) if isinstance(parent, cst.Arg) else None
        if isinstance(outer, cst.Call) and site.view.code(outer.func) in (
            "isinstance",
            "len",
            "sum",
            "sorted",
            "list",
            "dict",
            "json.dumps",
        ):
            return True
    return False


def _origin(site: Site, expr: cst.BaseExpression) -> str:
    text = site.view.code(expr)
    for name in site.view.nodes(cst.Name, expr):
        one = site.view.assigned(name)
        text += f" {site.view.code(one.value)}" if one is not None and one.value is not None else ""
    return text
