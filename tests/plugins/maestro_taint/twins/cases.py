"""Twins as data: ``first/*.txt`` and so on, one file per kind.

A pair begins with ``== name`` and may carry ``| rule: ...`` and ``| reason: ...``. Lines that end in ``#-`` stand in
the vulnerable program only, those in ``#+`` in the safe one, all others in both; ``-- name`` begins another file.
``@flask names`` and ``@route`` stand for the lines every Flask handler begins with. Invariant: nothing in a program
says which of the two it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
RULES = {
    "sql": ("taint-sql",),
    "command": ("taint-command",),
    "code": ("taint-code",),
    "path": ("taint-path", "taint-archive"),
    "html": ("taint-html", "taint-autoescape"),
    "template": ("taint-template",),
    "xpath": ("taint-xpath",),
    "ldap": ("taint-ldap",),
    "xxe": ("taint-xxe", "taint-xxe-parser"),
    "deserialize": ("taint-deserialize",),
    "redirect": ("taint-redirect",),
    "ssrf": ("taint-ssrf",),
    "header": ("taint-header",),
    "trust": ("taint-trust",),
    "log": ("taint-log-injection",),
    "hash": ("taint-weak-hash",),
    "random": ("taint-random",),
    "cookie": ("taint-cookie-flags", "taint-cookie-httponly"),
}


@dataclass(frozen=True, slots=True)
class Twin:
    """One program: its files, whether it is the vulnerable one, the rules that say so, and why (if it is not run)."""

    name: str
    kind: str
    files: dict[str, str]
    vulnerable: bool
    rules: tuple[str, ...]
    reason: str


def twins(round_: str) -> list[Twin]:
    """All programs of a round, each pair's vulnerable one first."""
    made: list[Twin] = []
    for place in sorted((HERE / round_).glob("*.txt")):
        for block in place.read_text(encoding="utf-8").split("\n== "):
            made += _pair(place.stem, block.removeprefix("== "))
    return made


def _pair(kind: str, block: str) -> list[Twin]:
    head, _, body = block.partition("\n")
    name, *options = (part.strip() for part in head.split(" | "))
    said = dict(option.split(": ", 1) for option in options)
    rules = (said["rule"],) if "rule" in said else RULES[kind]
    return [
        Twin(f"{kind}: {name}", kind, _files(body, mark), mark == "#-", rules, said.get("reason", ""))
        for mark in ("#-", "#+")
    ]


def _files(body: str, mark: str) -> dict[str, str]:
    files: dict[str, list[str]] = {"app.py": []}
    place = files["app.py"]
    for line in body.rstrip("\n").split("\n"):
        if line.startswith("-- "):
            place = files.setdefault(line.removeprefix("-- "), [])
        elif not line.endswith(("#-", "#+")):
            place += _expanded(line)
        elif line.endswith(mark):
            place.append(line.removesuffix(mark).rstrip())
    return {path: "\n".join(lines) + "\n" for path, lines in files.items()}


def _expanded(line: str) -> list[str]:
    if line.startswith("@flask"):
        names = ", ".join(["Flask", "request", *line.split()[1:]])
        return [f"from flask import {names}", "app = Flask(__name__)", 'app.secret_key = "k"']
    if line == "@route":
        return ['@app.route("/t", methods=["GET", "POST"])', "def handle():"]
    return [line]
