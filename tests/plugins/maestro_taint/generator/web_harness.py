"""Runs a web case under the stand-ins and labels it by effect.

Invariant: a label is what happened to the recorded world, the directory or the log, never what the generator meant.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.plugins.maestro_taint.generator import harness, standins

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugins.maestro_taint.generator.cases import Case

ENTITY = '<!DOCTYPE a [<!ENTITY x SYSTEM "{}/canary.txt">]><a>&x;</a>'


def label(case: Case) -> str:
    """``vulnerable``, ``safe`` or ``broken``: the handler failed on friendly input, so it says nothing."""
    return harness.label(case, _observe)


def _observe(case: Case, payload: str) -> str:
    if payload == "XXE":
        payload = ENTITY.format(Path.cwd().as_uri())
    opened: list[str] = []
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
    world, log, failed, effects = _run(payload)
    if case.kind == "random":
        again, *_ = _run(payload)
        tokens = [*(v for v, *_ in world.cookies), *world.session.values()]
        same = tokens == [*(v for v, *_ in again.cookies), *again.session.values()]
        return "broken" if failed or not tokens else "vulnerable" if same else "safe"
    if EFFECTS[case.kind](Seen(world, log, opened, effects, payload)):
        return "vulnerable"
    if not failed:
        return "safe"
    # A hostile value may well break a safe program; a friendly one must not.
    friendly = {"deserialize": '"x"', "xxe": "<a/>", "code": "1", "path": "alpha"}.get(case.kind, "alpha")
    return "broken" if _run(friendly)[2] else "safe"


def _run(payload: str) -> tuple[standins.World, str, str, list[Any]]:
    """(what the handler did, the log, why it failed, its own list of effects)."""
    captured = io.StringIO()
    logging.basicConfig(stream=captured, level=logging.DEBUG, force=True, format="%(message)s")
    for name in [n for n in sys.modules if n in ("main", "services", "services.work")]:
        del sys.modules[name]
    world = standins.World(payload)
    standins.install(world)
    random.seed(7)
    failed = ""
    effects: list[Any] = []
    with contextlib.redirect_stdout(captured), contextlib.redirect_stderr(captured), harness.silent():
        try:
            main = __import__("main")
            view = world.handlers[-1] if world.handlers else main.view
            try:
                standins.visit(world, view)
            finally:
                for name in ("main", "services.work"):
                    effects += getattr(sys.modules.get(name), "EFFECTS", [])
        except Exception as error:  # noqa: BLE001 - a hostile value may well break the program
            failed = f"{type(error).__name__}: {error}"
    if failed and os.environ.get("CASE_DEBUG"):
        Path(os.environ["CASE_DEBUG"]).write_text(failed, encoding="utf-8")
    return world, captured.getvalue(), failed, effects


@dataclass(frozen=True)
class Seen:
    """What one run left behind."""

    world: standins.World
    log: str
    opened: list[str]
    effects: list[Any]
    payload: str

    def file_read(self) -> bool:
        """The canary file beside the base directory was opened."""
        canary = Path("canary.txt").resolve()
        names = [o.removeprefix("file://") for o in self.opened if o.endswith("canary.txt")]
        return any(Path(name).resolve() == canary for name in names)

    def weak_digest(self) -> bool:
        """A digest as long as MD5's or SHA-1's was made."""
        return any(len(str(e)) in WEAK_DIGITS for e in self.effects)

    def evil_host(self, places: list[str]) -> bool:
        """Somebody is sent to, or something fetched from, a host of the attacker's."""
        return any(urlsplit(str(place)).hostname == "evil.example" for place in places)

    def holds(self, texts: list[Any]) -> bool:
        """The payload stands in one of the texts as it was sent."""
        return any(self.payload in str(text) for text in texts)


WEAK_DIGITS = (32, 40)
EFFECTS: dict[str, Callable[[Seen], bool]] = {
    **dict.fromkeys(("command", "code", "deserialize"), lambda _: Path("pwned").exists()),
    **dict.fromkeys(("path", "xxe"), Seen.file_read),
    "sql": lambda seen: "hidden-row" in repr(seen.effects),
    "html": lambda seen: any("<script>" in page for page in seen.world.pages),
    "redirect": lambda seen: seen.evil_host(seen.world.locations),
    "ssrf": lambda seen: seen.evil_host(seen.world.addresses),
    "header": lambda seen: any("\n" in str(h) for h in seen.world.headers),
    "trust": lambda seen: seen.holds([x for pair in seen.world.session.items() for x in pair]),
    **dict.fromkeys(("xpath", "ldap"), lambda seen: seen.holds(seen.world.queries)),
    "template": lambda seen: seen.holds(seen.world.templates),
    "log_injection": lambda seen: any(line.startswith("FORGED") for line in seen.log.splitlines()),
    "weak-hash": Seen.weak_digest,
    "cookie-flags": lambda seen: any(not secure for _, secure, _ in seen.world.cookies),
}
