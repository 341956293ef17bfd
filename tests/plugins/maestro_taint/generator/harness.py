"""Runs a case in a child process and labels it by effect: a marker file, an extra row, a canary in what was captured.

Invariant: a label is what happened, never what the generator meant. A case that fails to run is reported as such.
"""

from __future__ import annotations

import base64
import contextlib
import io
import os
import pickle
import shutil
import sys
import tempfile
import types
from pathlib import Path
from typing import TYPE_CHECKING

from tests.plugins.maestro_taint.generator import forking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.plugins.maestro_taint.generator.cases import Case

BENIGN = "alpha"
PII_CANARY = "zq7canary.person@example.invalid"
SECRET_CANARY = "Zq7SecretCanaryToken91"
OUTCOMES = ("safe", "vulnerable", "broken")
SECONDS = 20


class _Touch:
    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, ("pwned",)


def label(case: Case, observe: Callable[[Case, str], str] | None = None) -> str:
    """``vulnerable``, ``safe`` or ``broken`` (the program itself failed on benign and on hostile input)."""
    payload = pickle.dumps(_Touch()).hex() if case.payload == "PICKLE" else case.payload
    with tempfile.TemporaryDirectory(prefix="case-") as scratch:
        root = Path(scratch)
        for name, text in case.files.items():
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        (root / "base").mkdir()
        (root / "base" / "alpha").write_text("fine", encoding="utf-8")
        (root / "canary.txt").write_text("FILE-CANARY", encoding="utf-8")
        observe = observe or _observe
        if "<locals>" in observe.__qualname__:  # cannot be named to another process
            answer = forking.in_child(lambda: judged(case, str(root), payload, observe))
        else:
            answer = forking.answer_of(judged, case, str(root), payload, observe)
    return answer or "broken"


def judged(case: Case, root: str, payload: str, observe: Callable[[Case, str], str]) -> str:
    """What happens to a case, in a process that ends with it."""
    import signal

    signal.alarm(SECONDS)
    try:
        os.chdir(root)
        sys.path.insert(0, root)
        return observe(case, payload)
    except BaseException:  # noqa: BLE001 - whatever happens in a case stays in its child
        return "broken"


def _observe(case: Case, payload: str) -> str:
    import logging

    captured = io.StringIO()
    logging.basicConfig(stream=captured, level=logging.DEBUG, force=True)
    os.environ["APP_API_KEY"] = SECRET_CANARY
    os.environ["CANARY_FEED"] = PII_CANARY
    opened: list[str] = []
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
    for name in ("main", "pkg", "pkg.inner", "sinks", "people"):
        sys.modules.pop(name, None)
    sys.modules["flask"] = _flask(payload)
    sys.modules["flask"].make_response = captured.write  # type: ignore[attr-defined]
    failed = False
    with contextlib.redirect_stdout(captured), contextlib.redirect_stderr(captured), silent():
        try:
            __import__("main").run()
        except Exception:  # noqa: BLE001 - a hostile value may well break the program
            failed = True
    if _effect(case, captured.getvalue(), opened):
        return "vulnerable"
    return "broken" if failed and case.kind == "log" else "safe"


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Children of the case write to file descriptors, not to our streams."""
    null = os.open(os.devnull, os.O_WRONLY)
    kept = os.dup(1), os.dup(2)
    os.dup2(null, 1)
    os.dup2(null, 2)
    yield
    os.dup2(kept[0], 1)
    os.dup2(kept[1], 2)


def _flask(payload: str) -> types.ModuleType:
    module = types.ModuleType("flask")
    module.request = types.SimpleNamespace(args={"q": payload})  # type: ignore[attr-defined]
    return module


def _effect(case: Case, text: str, opened: list[str]) -> bool:
    if case.kind in ("command", "code", "deserialize"):
        return Path("pwned").exists()
    if case.kind == "path":
        return any(Path(o).resolve() == Path("canary.txt").resolve() for o in opened if o.endswith("canary.txt"))
    if case.kind == "sql":
        database = next(
            (
                m.DB
                for m in (sys.modules.get(n) for n in ("main", "sinks", "pkg.inner"))
                if m is not None and hasattr(m, "DB")
            ),
            None,
        )
        rows = [r[0] for r in database.execute("SELECT t FROM log")] if database is not None else []
        return "pwned" in rows
    if case.kind == "html":
        return "<script>" in text
    return any(image in text for canary in (PII_CANARY, SECRET_CANARY) for image in _images(canary))


def _images(canary: str) -> tuple[str, ...]:
    return (canary, canary.upper(), canary[::-1], base64.b64encode(canary.encode()).decode(), canary.encode().hex())


def clean(place: Path) -> None:
    """Remove what a killed child left."""
    shutil.rmtree(place, ignore_errors=True)
