"""The checks a repair must climb before it is kept, each on a copy.

V1 it parses; V2 only what was meant to change changed; V3 what it imports is there; V4 analysed again: the finding is
gone and none is new; V5 written again it stays the same; V6 the project's tests pass, where a command is configured.
Theorem: a repair that fails a rung changes no file.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import libcst as cst

from maestro_taint.frontend.parse import Parsed, decode, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from maestro_taint.fixes.patch import Patch

DECLARED = ("pyproject.toml", "setup.cfg", "setup.py", "Pipfile", "requirements*.txt", "requirements/*.txt", "uv.lock")
SKIPPED = shutil.ignore_patterns(".git", ".venv", "venv", "node_modules", "__pycache__", ".maestro", ".nox", ".tox")
PACKAGES = {"yaml": "pyyaml", "ldap": "python-ldap"}
TEST_SECONDS = 1800


def text_problem(old: bytes, patch: Patch, files: Mapping[str, bytes], root: Path | None) -> str:
    """V1, V2, V3 and V5; empty if all hold."""
    was, now = parse(old), parse(patch.data)
    if not isinstance(now, Parsed) or (isinstance(was, Parsed) and was.exact and not now.exact):
        return "V1: the result does not parse"  # or only by a newer grammar than the file needed before
    problem = _changed_lines(decode(old), decode(patch.data), patch)
    if problem:
        return problem
    for statement in patch.imports:
        top = statement.split()[1].partition(".")[0]
        if not resolves(top, files, root):
            return f"V3: the module {top} is not installed here and not among the project's dependencies"
    if cst.parse_module(patch.data).bytes != patch.data:
        return "V5: written again, the file changes"
    return ""


def _changed_lines(old: str, new: str, patch: Patch) -> str:
    """V2: every line outside the edit's own is as it was; new lines stand beside the edit's, or are imports."""
    numbered = [(n, line) for n, line in enumerate(old.split("\n"), 1) if line.strip()]
    before, after = [line for _, line in numbered], [line for line in new.split("\n") if line.strip()]
    if before == after:
        return "V2: nothing changed"
    own = [n in patch.lines for n, _ in numbered] + [False]
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        imports = all(line.startswith(("import ", "from ")) for line in after[j1:j2])
        if tag != "equal" and not (all(own[i1:i2]) and (imports or any(own[max(0, i1 - 1) : i2 + 1]))):
            return "V2: more changed than the sink and what feeds it"
    return ""


def resolves(top: str, files: Mapping[str, bytes], root: Path | None) -> bool:
    """Whether a module is there for the project: standard library, used already, declared, its own, or installed."""
    if top in sys.stdlib_module_names:
        return True
    used = re.compile(rb"^\s*(?:import|from)\s+" + top.encode() + rb"\b", re.MULTILINE)
    if any(path.startswith((f"{top}/", f"src/{top}/")) or path == f"{top}.py" for path in files):
        return True
    if any(used.search(data) for data in files.values()):
        return True
    if root is not None:
        name = re.compile(rf"\b({re.escape(top)}|{re.escape(PACKAGES.get(top, top))})\b", re.IGNORECASE)
        places = [p for pattern in DECLARED for p in root.glob(pattern)]
        if any(name.search(p.read_text(encoding="utf-8", errors="replace")) for p in places):
            return True
        if any((root / v).glob(f"lib/python*/site-packages/{top}*") for v in (".venv", "venv") if (root / v).is_dir()):
            return any(any((root / v).glob(f"lib/python*/site-packages/{top}*")) for v in (".venv", "venv"))
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def tests_pass(root: Path, changed: Mapping[str, bytes], command: Sequence[str]) -> str:
    """V6: the project's own tests on a copy with the changed files; empty if they pass, else their last line."""
    with tempfile.TemporaryDirectory(prefix="maestro-taint-") as scratch:
        copy = Path(scratch) / "tree"
        shutil.copytree(root, copy, ignore=SKIPPED, symlinks=True)
        for path, data in changed.items():
            (copy / path).write_bytes(data)
        try:
            done = subprocess.run(
                list(command),
                cwd=copy,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=TEST_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"the tests could not be run: {error}"
    return "" if done.returncode == 0 else _last(done.stdout, done.stderr)


def _last(*streams: str) -> str:
    lines: Iterable[str] = (line for text in streams for line in reversed(text.splitlines()) if line.strip())
    return next(iter(lines), "the tests fail")
