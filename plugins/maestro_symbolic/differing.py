"""``maestro symbolic diff BASE HEAD``: functions whose body changed and signature stayed, proven equal or told apart.

Invariant: the old preconditions bound the inputs; equal means the same result, the same exception type and the same
arguments afterwards; an input that differs is run on both versions before it is reported.
"""

from __future__ import annotations

import ast
import functools
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maestro_hooks.errors import ExitCode, MaestroError
from maestro_hooks.project.git import git
from maestro_hooks.render import emit
from maestro_hooks.workspace import open_workspace
from maestro_symbolic import replay
from maestro_symbolic.normal import canonical, reached
from maestro_symbolic.regression import call_text
from maestro_symbolic.targets import targets_of

if TYPE_CHECKING:
    from argparse import Namespace

    from maestro_symbolic.linking import Reader
    from maestro_symbolic.targets import Target


@dataclass(frozen=True, slots=True)
class Difference:
    """The verdict about one changed function: ``equal``, ``bounded-equal``, ``differs`` or ``unknown``."""

    path: str
    function: str
    line: int
    verdict: str
    detail: str = ""


def run(arguments: Namespace) -> ExitCode:
    """0 if no function differs, 1 if one does; ``unknown`` is told and does not count as equal."""
    root = open_workspace(arguments.root).root
    changed = git(root, "diff", "--name-only", "-z", "--diff-filter=M", arguments.base, arguments.head, "--", "*.py")
    found: list[Difference] = []
    for raw in changed.split(b"\0"):
        if raw:
            path = raw.decode("utf-8", "surrogateescape")
            old = git(root, "show", f"{arguments.base}:{path}").decode("utf-8", "replace")
            new = git(root, "show", f"{arguments.head}:{path}").decode("utf-8", "replace")
            found += compare(path, old, new, reads=(_reader(root, arguments.base), _reader(root, arguments.head)))
    rows = [
        {"file": d.path, "function": d.function, "line": d.line, "verdict": d.verdict, "detail": d.detail}
        for d in found
    ]
    lines = [f"{d.path}:{d.line}: {d.function}: {d.verdict}{': ' + d.detail if d.detail else ''}" for d in found]
    payload = {"schema": "maestro.symbolic-diff/1", "functions": rows}
    emit(payload, lines or ["no function changed its body and kept its signature"], as_json=arguments.json)
    return ExitCode.UNMET if any(d.verdict == "differs" for d in found) else ExitCode.OK


def _reader(root: Path, commit: str) -> Reader:
    """Reads files as they are in a commit."""

    @functools.cache
    def read(path: str) -> str | None:
        try:
            return git(root, "show", f"{commit}:{path}").decode("utf-8")
        except (MaestroError, UnicodeDecodeError):
            return None

    return read


def compare(
    path: str, old: str, new: str, *, reads: tuple[Reader | None, Reader | None] = (None, None)
) -> list[Difference]:
    """The verdicts about every function whose meaning may have changed between two texts of a module.

    ``reads`` give the texts of what either version imports from the project.
    """
    try:
        before = {t.name: t for t in targets_of(path, old, everything=True, read=reads[0])}
        after = {t.name: t for t in targets_of(path, new, everything=True, read=reads[1])}
    except (SyntaxError, ValueError) as error:
        return [Difference(path, "", 0, "unknown", f"does not parse: {error}")]
    found = []
    for name, target in after.items():
        former = before.get(name)
        if former is None or _text(former) == _text(target):
            continue
        if canonical(former.node.args) != canonical(target.node.args):
            found.append(Difference(path, name, target.node.lineno, "unknown", "the signature changed"))
            continue
        found.append(_judged(former, target, old, new, reads))
    return found


def _text(target: Target) -> str:
    """A function with everything of its module that it uses, as text."""
    program = target.program
    known = program.definitions
    return canonical(target.node) + "".join(canonical(known[n]) for n in reached(program, target.node))


def _judged(
    former: Target, target: Target, old: str, new: str, reads: tuple[Reader | None, Reader | None]
) -> Difference:
    from maestro_symbolic.engine.equivalence import explore  # noqa: PLC0415 - brings z3 in

    here = (target.program.path, target.name, target.node.lineno)
    found = explore(former, target)
    for arguments in found.candidates:
        texts = [_outcome(former, old, arguments, reads[0]), _outcome(target, new, arguments, reads[1])]
        if all(t is not None for t in texts) and texts[0] != texts[1]:
            words = f"{call_text(target, arguments)} gave {_words(texts[0])}, now gives {_words(texts[1])}"
            return Difference(*here, "differs", words)
    if found.candidates:
        return Difference(*here, "unknown", "a model tells them apart, but CPython does not")
    if found.open:
        return Difference(*here, "unknown", found.open)
    if found.cut:
        return Difference(*here, "bounded-equal", found.cut)
    return Difference(*here, "equal")


def _outcome(target: Target, text: str, arguments: dict[str, object], read: Reader | None) -> dict[str, Any] | None:
    """What CPython does with one version among the modules it imports; ``None`` where it cannot be run."""
    bare = replace(target.contract, clauses=(), raises=frozenset({"Exception"}))
    with tempfile.TemporaryDirectory() as folder:
        place = _written(Path(folder), target.program.path, text)
        for path, _ in target.program.linked:
            _written(Path(folder), path, (read(path) if read is not None else None) or "")
        for package in {p for path in (target.program.path, *dict(target.program.linked)) for p in Path(path).parents}:
            marker = f"{package.as_posix()}/__init__.py"
            if read is not None and not (Path(folder) / marker).exists() and (held := read(marker)) is not None:
                _written(Path(folder), marker, held)
        answer = replay.replay(Path(folder), [replay.Job(replace(target, contract=bare), place, arguments)])[0]
    if answer["status"] in ("error", "rejected"):
        return None
    return {k: answer[k] for k in ("result", "after", "raised") if k in answer}


def _written(folder: Path, path: str, text: str) -> Path:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    return place


def _words(outcome: dict[str, Any] | None) -> str:
    from maestro_symbolic.regression import python_of  # noqa: PLC0415 - words are needed for a difference only

    if outcome is None or "raised" in outcome:
        return f"{(outcome or {}).get('raised', 'nothing')}"
    try:
        return python_of(outcome["result"])
    except (KeyError, StopIteration):
        return ast.unparse(ast.Constant(str(outcome["result"])))
