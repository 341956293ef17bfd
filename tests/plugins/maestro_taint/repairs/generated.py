"""The generator's leaking programs under repair: several files, long chains, and the same question by running.

Invariant: a program counts as repaired only if the harness that labelled it vulnerable now labels it safe, and an
ordinary input leaves the same output, rows and opened files as before.
"""

from __future__ import annotations

import os
import pickle
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_taint.fixes.apply import repair
from maestro_taint.fixes.tree import Tree
from maestro_taint.settings import TaintSettings
from tests.plugins.maestro_taint.analysing import models
from tests.plugins.maestro_taint.generator import harness, web_harness

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugins.maestro_taint.generator.cases import Case

BENIGN = "alpha"
SECONDS = 20


def repaired(case: Case) -> tuple[str, str]:
    """(state, detail) of a program labelled vulnerable: ``verified``, ``refused``, ``failed`` or ``wrong``."""
    # A repaired log shows something else on purpose: there only the harness's own label counts.
    return _judged(case, harness.label, lambda c: "" if c.kind == "log" else repr(behaviour(c.files)))


def _judged(case: Case, label: Callable[[Case], str], usual: Callable[[Case], str]) -> tuple[str, str]:
    tree = Tree({n: text.encode() for n, text in case.files.items()}, TaintSettings(), models())
    outcomes = repair(tree)
    if not outcomes:
        return "missed", ""
    bad = [o for o in outcomes if o.state != "verified"]
    if bad:
        return bad[0].state, f"{bad[0].finding.rule}: {bad[0].detail}"
    after = replace(case, files={name: data.decode() for name, data in tree.files.items()})
    if label(after) != "safe":
        return "wrong", "the attack still works"
    before, now = usual(case), usual(after)
    return ("verified", outcomes[0].detail) if before == now else ("wrong", f"ordinary input: {before} -> {now}")


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
    return pickle.loads(answer) if answer else ("", "killed", ())  # noqa: S301  # nosec B301 - our own child


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


def repaired_handler(case: Case) -> tuple[str, str]:
    """The same for a web handler of one of four frameworks."""
    return _judged(case, web_harness.label, _page)


def _page(case: Case) -> str:
    """What a handler does on an ordinary input: pages, addresses, headers, cookies, what it opens and logs."""
    friendly = {"deserialize": '"x"', "xxe": "<a/>", "code": "1", "redirect": "/alpha"}.get(case.kind, "alpha")

    def observe(_: Case, __: str) -> str:
        world, log, failed, effects = web_harness._run(friendly)
        cookies = [value for value, *_ in world.cookies] if case.kind != "random" else len(world.cookies)
        shown = effects if case.kind not in ("weak-hash", "random") else len(effects)
        made = repr((world.pages, world.locations, world.addresses, world.headers, cookies, shown, log, failed))
        # A token is new each time: only that there is one must stay.
        return re.sub(r"[0-9a-zA-Z]{8,}", "*", made) if case.kind == "random" else made

    return harness.label(case, observe)
