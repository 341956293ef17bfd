"""Commands: an argument list where no shell is needed, else each tainted value quoted for the shell.

Invariant: a value is quoted outside the text's own quotes, whatever they are; a text another interpreter reads again
(``eval``, ``sh -c``, ``ssh``) is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import libcst as cst

from maestro_taint.fixes.calling import at_callers
from maestro_taint.fixes.pieces import Hole, Piece, Text, constant_of, quoted
from maestro_taint.fixes.site import Site, bare, paren
from maestro_taint.fixes.view import Edit, Refusal, argument, has_star

if TYPE_CHECKING:
    from maestro_taint.fixes.building import Built

AGAIN = re.compile(
    r"(^|[\s;|&(/])(eval|exec|sh|bash|dash|zsh|ksh|ssh|su|runuser|xargs|awk|gawk|sed|perl|python[\d.]*|ruby|node|php|"
    r"psql|mysql|sqlite3|parallel|watch|at|crontab|expect|docker\s+exec|kubectl\s+exec|env\s+-S|find\b.*-exec)(\s|$)"
)
BUILTINS = frozenset(
    {"cd", "echo", "export", "source", ".", "exec", "set", "unset", "test", "[", "type", "ulimit", "umask", "wait",
     "read", "printf", "pwd", "kill", "alias", "command", "trap", "times", "shift", "return", "exit", "eval", "if",
     "for", "while", "case", "until", "{", "(", "!", "time", "local", "hash", "jobs", "bg", "fg", "getopts"}
)  # fmt: skip
PLAIN = re.compile(r"[\w./:=,@%+\-\s'\"]*")
SUBPROCESS = re.compile(r"subprocess\.(run|call|check_call|check_output|Popen)$")


def command(site: Site) -> Edit | Refusal:
    """The repair of one command."""
    call = site.node
    if not isinstance(call, cst.Call) or has_star(call):
        return Refusal("the command's call cannot be rewritten")
    first = argument(call, 0, "args", "command", "cmd")
    if first is None:
        return Refusal("the command's call cannot be rewritten")
    text: cst.BaseExpression = first.value
    if isinstance(text, cst.List | cst.Tuple):
        script = _script(text)
        if script is None:
            return Refusal("the program itself comes from outside: offer a fixed list of programs")
        text = script
    elif SUBPROCESS.search(site.sink) and not _shell(call):
        return Refusal("the program itself comes from outside: offer a fixed list of programs")
    built = site.built(text)
    if isinstance(built, Refusal):
        return built
    passed = _passed(site, text) if not any(isinstance(p, Text) for p in built.pieces) else None
    if passed is not None:
        return passed
    if not built.hot:
        return Refusal("the tainted value comes into the command by a way that is not seen here")
    problem = _unsafe(built)
    if problem:
        return Refusal(problem)
    if text is first.value and SUBPROCESS.search(site.sink):
        listed = _listed(site, call, first, built)
        if listed is not None:
            return listed
    return _quoted(site, built)


def _passed(site: Site, text: cst.BaseExpression) -> Edit | Refusal | None:
    """The values quoted by those who give the function its command; ``None`` if it is no parameter."""

    def quote(place: Site, built: Built) -> Edit | Refusal:
        problem = _unsafe(built)
        return Refusal(problem) if problem else _quoted(place, built)

    return at_callers(site, text, quote)


def _shell(call: cst.Call) -> bool:
    shell = argument(call, 99, "shell")
    return shell is not None and not (isinstance(shell.value, cst.Name) and shell.value.value in ("False", "None"))


def _script(argv: cst.List | cst.Tuple) -> cst.BaseExpression | None:
    """What ``["sh", "-c", script]`` runs; ``None`` for another program."""
    values = [e.value for e in argv.elements]
    texts = [v.evaluated_value if isinstance(v, cst.SimpleString) else None for v in values]
    shell = isinstance(texts[0], str) and re.search(r"(^|/)(sh|bash|dash|zsh|ksh)$", texts[0]) if texts else None
    return values[2] if shell and len(values) == 3 and texts[1] == "-c" else None


def _unsafe(built: Built) -> str:
    """Why quoting would not do."""
    if any(built.is_hot(f.tree) for f in built.feeds if isinstance(f.tree, Hole) and not f.adds):
        return "the whole command comes from outside, or is built elsewhere"
    before = ""
    for piece in built.pieces:
        if isinstance(piece, Text):
            before += piece.value
            continue
        if built.is_hot(piece):
            if not before.strip() or re.search(r"[|;&(]\s*$", before):
                return "the program itself comes from outside: offer a fixed list of programs"
            if AGAIN.search(before):
                return "another interpreter reads the value again: quoting for the shell is not enough"
            if piece.suffix.startswith("%"):
                return "a value in the command is formatted on its way"
        before += "\0"
    text = constant_of(built.pieces)
    if "`" in text or "$(" in text or "<<" in text or re.search(r"(^|\s)#", text):
        return "the command holds a substitution, a here-document or a comment"
    return ""


def _states(pieces: list[Piece]) -> dict[int, str]:
    """The shell quote that is open at each hole, by the hole's place."""
    state, escaped = "", False
    found: dict[int, str] = {}
    for i, piece in enumerate(pieces):
        if isinstance(piece, Hole):
            found[i] = state
            continue
        for c in piece.value:
            if escaped:
                escaped = False
            elif c == "\\" and state != "'":
                escaped = True
            elif state:
                state = "" if c == state else state
            elif c in "'\"":
                state = c
    return found


def _quoted(site: Site, built: Built) -> Edit | Refusal:
    """``shlex.quote`` round each tainted value."""
    function = site.use("shlex.quote")
    states = _states(built.pieces)
    for i, piece in enumerate(built.pieces):
        if not isinstance(piece, Hole) or not built.is_hot(piece):
            continue
        quote = states[i]
        if quote:
            left = built.pieces[i - 1] if i else None
            right = built.pieces[i + 1] if i + 1 < len(built.pieces) else None
            if not isinstance(left, Text) or not isinstance(right, Text):
                return Refusal("two values share one quoted word of the command")
            if left.ends(quote) and right.value.startswith(quote):
                left.cut_end()
                right.cut_start()
            elif not (_add(left, quote, last=True) and _add(right, quote, last=False)):
                return Refusal("the command's own quoting cannot be kept")
        if not _joined(site, piece):
            if any(".join(" in site.view.code(s) for s in site.sources_of(piece.expr)):
                return Refusal("the value may be several words: quote each before they are joined")
            site.wrap(piece, function)
    return site.edit(*built.swaps())


def _joined(site: Site, hole: Hole) -> bool:
    """``" ".join(words)`` is several words: ``shlex.join`` quotes each."""
    expr = hole.expr
    if not isinstance(expr, cst.Call) or site.view.code(expr.func) not in ("' '.join", '" ".join') or hole.suffix:
        return False
    hole.put(cst.Call(cst.parse_expression(site.use("shlex.join")), expr.args))
    return True


def _add(text: Text, mark: str, *, last: bool) -> bool:
    """One more quote at an end of a literal."""
    clash = len(text.quote) == 1 and mark == text.quote
    if clash and "r" in text.prefix:
        return False
    new = f"\\{mark}" if clash else mark
    text.raw = text.raw + new if last else new + text.raw
    return True


def _listed(site: Site, call: cst.Call, first: cst.Arg, built: Built) -> Edit | None:
    """The call with an argument list and without its shell; ``None`` where the shell does more than split words."""
    shell = argument(call, 99, "shell")
    if shell is None or not (isinstance(shell.value, cst.Name) and shell.value.value == "True"):
        return None
    if argument(call, 99, "executable") is not None or not built.linear or len(built.feeds) != 1:
        return None
    feed = built.feeds[0]
    if feed.name and len(site.view.loads(site.view.scope(call), feed.name)) > 1:
        return None
    words = _words(site, built)
    if words is None:
        return None
    elements = [cst.Element(e) for e in (_word(site, w) for w in words)]
    made = cst.List(elements)
    args = [a for a in call.args if a is not shell]
    if feed.name:
        swaps: list[tuple[cst.CSTNode, cst.CSTNode]] = [(feed.node, made)]
    else:
        args = [a.with_changes(value=made) if a is first else a for a in args]
        swaps = []
    if args:
        args[-1] = args[-1].with_changes(comma=call.args[-1].comma if isinstance(call.args[-1].comma, cst.Comma)
                                         and len(call.args) > 1 else cst.MaybeSentinel.DEFAULT)  # fmt: skip
    return site.edit((call, call.with_changes(args=args)), *swaps)


def _words(site: Site, built: Built) -> list[list[Any]] | None:
    """The words the shell would make: each a list of texts and holes; ``None`` where it would do more."""
    if not PLAIN.fullmatch(constant_of(built.pieces)):
        return None
    words: list[list[Any]] = [[]]
    quote = ""

    def code(hole: Hole) -> str:
        return " ".join(site.view.code(s) for s in site.sources_of(hole.expr))

    for piece in built.pieces:
        if isinstance(piece, Hole):
            if piece.suffix or not built.is_hot(piece) or ".join(" in code(piece):
                return None  # what is not tainted, or joined, may hold several words
            words[-1].append(piece)
            continue
        for c in piece.value:
            if c in "'\"" and (not quote or c == quote):
                quote = "" if quote else c
                if quote:
                    words[-1].append("")
            elif c.isspace() and not quote:
                if c == "\n":
                    return None
                words += [[]] if words[-1] else []
            else:
                words[-1].append(c)
    words = [w for w in words if w]
    head = "".join(p for p in words[0] if isinstance(p, str)) if words else ""
    if quote or not words or any(isinstance(p, Hole) for p in words[0]) or head in BUILTINS or "=" in head:
        return None
    return words


def _word(site: Site, word: list[Any]) -> cst.BaseExpression:
    """One word as an expression."""
    parts: list[Any] = []
    for p in word:
        if isinstance(p, str) and parts and isinstance(parts[-1], str):
            parts[-1] += p
        elif p != "" or len(word) == 1:
            parts.append(p)
    made: Any = None
    for p in parts:
        one: Any = quoted(p) if isinstance(p, str) else _argument(site, p, alone=len(parts) == 1)
        made = one if made is None else cst.BinaryOperation(made, cst.Add(), one)
    return made  # type: ignore[no-any-return]


def _argument(site: Site, hole: Hole, *, alone: bool) -> Any:
    """A value as a text of its own, or as an operand of a sum."""
    if not site.is_text(hole.expr):
        return cst.Call(cst.Name("str"), [cst.Arg(bare(hole.expr))])
    return bare(hole.expr) if alone else paren(hole.expr)
