"""A second zoo: kinds of change found by attacking the finished recorder, each with sources and tests of its own.

They stand in ``kinds/*.kinds``, one project a file. A kind begins with ``## name``; ``flips:`` names the test whose
outcome it changes; ``--- path`` begins a file of the project; what the change does follows: ``=== path`` with lines
``old => new``, ``+++ path`` with the new file, ``xxx path`` deletes, ``$$$ NAME=value`` sets a variable, ``chmod``
makes executable, ``link``/``relink`` and ``zip``/``rezip`` make symbolic links and archives before and in the change.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.plugins.maestro_bloom.zoo_project import LEVEL

KINDS = Path(__file__).parent / "kinds"
PROJECT = {
    ".gitignore": "__pycache__/\n.pytest_cache/\n*.out\n",
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\naddopts = "--doctest-modules"\n'
    'testpaths = ["tests", "src/documented"]\n' + LEVEL,
}
_FILE, _NEW, _REPLACED = "--- ", "+++ ", "=== "
_AT_ONCE = ("xxx", "chmod", "link", "relink", "zip", "rezip")


@dataclass
class Kind:
    """One kind of change: files before, and what is done to them after the recording."""

    name: str
    flips: str = ""
    files: dict[str, str] = field(default_factory=dict)
    new: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)
    acts: list[tuple[str, ...]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def make(self, root: Path) -> None:
        """Put the kind's files into the project."""
        for path, content in self.files.items():
            _write(root / path, content)
        for verb, *words in self.acts:
            if verb in ("link", "zip"):
                _act(root, verb, words)

    def apply(self, root: Path) -> None:
        """Make the change."""
        for verb, *words in self.acts:
            if verb not in ("link", "zip"):
                _act(root, verb, words)
        for path, lines in self.replaced.items():
            text = (root / path).read_text(encoding="utf-8")
            for line in lines.splitlines():
                old, _, new = line.partition(" => ")
                if old:
                    assert old in text, (self.name, old)
                    text = text.replace(old, new, 1)
            _write(root / path, text)
        for path, content in self.new.items():
            _write(root / path, content)


TOPICS = tuple(sorted(path.stem for path in KINDS.glob("*.kinds")))


def read_kinds(topic: str) -> list[Kind]:
    """The kinds of one file, in order."""
    text = (KINDS / f"{topic}.kinds").read_text(encoding="utf-8")
    found: list[Kind] = []
    target: dict[str, str] = {}
    path = ""
    for line in text.splitlines(keepends=True):
        word = line.split(" ", 1)[0].strip()
        if line.startswith("## "):
            found.append(Kind(line[3:].strip()))
        elif line.startswith("flips: "):
            found[-1].flips = line[7:].strip()
        elif line.startswith((_FILE, _NEW, _REPLACED)):
            kind = found[-1]
            target, path = {_FILE: kind.files, _NEW: kind.new, _REPLACED: kind.replaced}[line[:4]], line[4:].strip()
            target[path] = ""
        elif word == "$$$":
            name, _, value = line[4:].strip().partition("=")
            found[-1].variables[name] = value
        elif word in _AT_ONCE:
            found[-1].acts.append(tuple(line.split()))
        else:
            target[path] += line
    taken: set[str] = set()
    for kind in found:
        # Two kinds with a file of one name would overwrite one another in the project that all of a topic share.
        assert taken.isdisjoint(kind.files), (kind.name, taken & kind.files.keys())
        taken.update(kind.files)
        for files in (kind.files, kind.new, kind.replaced):
            files.update(
                {path: content.rstrip("\n") + "\n" if content.strip() else "" for path, content in files.items()}
            )
    return found


def _write(place: Path, content: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content, encoding="utf-8")


def _act(root: Path, verb: str, words: list[str]) -> None:
    place = root / words[0]
    place.parent.mkdir(parents=True, exist_ok=True)
    if verb == "xxx":
        place.unlink()
    elif verb == "chmod":
        place.chmod(0o755)
    elif verb in ("link", "relink"):
        place.unlink(missing_ok=True)
        place.symlink_to(words[1])
    else:
        with zipfile.ZipFile(place, "w") as archive:
            archive.writestr(words[1], " ".join(words[2:]) + "\n")
