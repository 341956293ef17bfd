"""The generator's leaking programs under repair: several files, long chains, and the same question by running.

Invariant: a program counts as repaired only if the harness that labelled it vulnerable now labels it safe, and an
ordinary input leaves the same output, rows and opened files as before.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_taint.fixes.apply import repair
from maestro_taint.fixes.tree import Tree
from maestro_taint.models.compile import compiled, shipped
from maestro_taint.settings import TaintSettings
from tests.plugins.maestro_taint.generator.harness import label

if TYPE_CHECKING:
    from tests.plugins.maestro_taint.generator.cases import Case

BENIGN = "alpha"
SECONDS = 20


def repaired(case: Case) -> tuple[str, str]:
    """(state, detail) of a program labelled vulnerable: ``verified``, ``refused``, ``failed`` or ``wrong``."""
    old = {name: text.encode() for name, text in case.files.items()}
    tree = Tree(dict(old), TaintSettings(), compiled(shipped()))
    outcomes = repair(tree)
    bad = [o for o in outcomes if o.state != "verified"]
    if not outcomes:
        return "missed", ""
    new = {name: data.decode() for name, data in tree.files.items()}
    if bad:
        return bad[0].state, bad[0].detail
    after = replace(case, files=new)
    if label(after) != "safe":
        return "wrong", "the attack still works"
    if case.kind != "log" and behaviour(case.files) != behaviour(new):
        return "wrong", f"ordinary input: {behaviour(case.files)} -> {behaviour(new)}"
    return "verified", outcomes[0].detail


def behaviour(files: dict[str, str]) -> tuple[str, str, tuple[str, ...]]:
    """What a program shows, raises and opens on an ordinary input."""
    with tempfile.TemporaryDirectory(prefix="behaviour-") as scratch:
        root = Path(scratch).resolve()
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        (root / "base").mkdir()
        (root / "base" / BENIGN).write_text("fine", encoding="utf-8")
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _child(root, write)
        os.close(write)
        with os.fdopen(read, "rb") as stream:
            answer = stream.read()
        os.waitpid(child, 0)
    return pickle.loads(answer) if answer else ("", "killed", ())  # noqa: S301 - our own child


def _child(root: Path, write: int) -> None:
    import signal

    signal.alarm(SECONDS)
    answer = b""
    try:
        os.chdir(root)
        answer = pickle.dumps(_observed(root))
    finally:
        os.write(write, answer)
        os._exit(0)


def _observed(root: Path) -> tuple[str, str, tuple[str, ...]]:
    import contextlib
    import io
    import sys
    import types

    shown = io.StringIO()
    web = types.ModuleType("flask")
    web.request = types.SimpleNamespace(args={"q": BENIGN})  # type: ignore[attr-defined]
    web.make_response = shown.write  # type: ignore[attr-defined]
    sys.modules["flask"] = web
    sys.path.insert(0, str(root))
    opened: list[str] = []
    base = str(root / "base")

    def hear(event: str, args: tuple[object, ...]) -> None:
        if event == "open" and os.path.realpath(str(args[0])).startswith(base):
            opened.append(os.path.realpath(str(args[0])).removeprefix(base))

    sys.addaudithook(hear)
    out = os.open("out.txt", os.O_RDWR | os.O_CREAT)
    os.dup2(out, 1)
    error = ""
    with contextlib.redirect_stdout(shown):
        try:
            __import__("main").run()
        except Exception as problem:  # noqa: BLE001 - a generated program may well fail, before as after
            error = f"{type(problem).__name__}: {problem}"
    return shown.getvalue() + Path("out.txt").read_text(encoding="utf-8"), error, tuple(opened)
