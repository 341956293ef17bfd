"""Everything outside the project's sources that could change an outcome, as named parts with digests.

Invariant: two environments with equal parts run a test alike, as far as no test reads what the index itself records.
A part that differs is named with both values, so no full run goes unexplained.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

import msgspec

from maestro_bloom.keys import digest_of
from maestro_hooks.config import parsed_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Tables of pyproject.toml that no test run reads.
_TOOLS_ASIDE = frozenset(
    {
        *("ruff", "black", "isort", "mypy", "pyright", "flake8", "pylint", "codespell", "typos", "towncrier"),
        *("bumpversion", "commitizen", "bandit", "vulture", "importlinter", "coverage", "cibuildwheel"),
    }
)
_LOCKS = ("*.lock", "*requirements*.txt", "*constraints*.txt", "pylock*.toml", ".gitattributes", "requirements/*.txt")
# The interpreter's flags that change what code does; others only change what is said or kept.
_FLAGS = (
    "debug",
    "optimize",
    "ignore_environment",
    "hash_randomization",
    "isolated",
    "dev_mode",
    "utf8_mode",
    "safe_path",
)
# Read by C code, which nobody can watch.
_C_VARIABLES = ("TZ", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_TIME", "LC_NUMERIC", "LC_MONETARY")
_PYTHON_VARIABLES = ("PYTHONPATH", "PYTHONHASHSEED", "PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONUTF8", "PYTHONOPTIMIZE")


def parts(root: Path, *, ini: Path | None, options: Iterable[str], variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a test run; ``variables`` as they were when it began."""
    found = {
        "python": f"{platform.python_implementation()} {sys.version} {sys.implementation.cache_tag}",
        "platform": f"{sys.platform} {platform.machine()} {platform.libc_ver()[1]}",
    }
    found |= {f"flag {name}": str(getattr(sys.flags, name)) for name in _FLAGS}
    found |= {f"variable {n}": variables[n] for n in (*_C_VARIABLES, *_PYTHON_VARIABLES) if n in variables}
    found |= {f"option {option.partition('=')[0]}": option.partition("=")[2] for option in options}
    found |= distributions(root)
    found |= {f"file {path.name}": config_digest(path) for path in _config_files(root, ini)}
    for pattern in _LOCKS:
        found |= {f"file {p.relative_to(root).as_posix()}": digest_of(p.read_bytes()) for p in _files(root, pattern)}
    return found


def difference(recorded: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What differs, in words, sorted; empty if nothing."""
    names = sorted(recorded.keys() | now.keys())
    return [
        f"{name} {_short(recorded.get(name))} -> {_short(now.get(name))}"
        for name in names
        if recorded.get(name) != now.get(name)
    ]


def key(named: Mapping[str, str]) -> str:
    """One digest of all parts; its first twelve digits name the directory of the index."""
    return digest_of(json.dumps(dict(named), sort_keys=True).encode())


def config_digest(path: Path) -> str:
    """Content of a configuration file; of pyproject.toml without the tables of tools no test run reads."""
    data = path.read_bytes()
    if path.name == "pyproject.toml":
        try:
            document = parsed_toml(data.decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            return digest_of(data)
        tools = {name: table for name, table in document.get("tool", {}).items() if name not in _TOOLS_ASIDE}
        maestro = tools.pop("maestro", None)
        data = json.dumps({**document, "tool": tools}, sort_keys=True, default=str).encode()
        data += json.dumps(maestro.get("bloom") if isinstance(maestro, dict) else None, default=str).encode()
    return digest_of(data)


def distributions(root: Path) -> dict[str, str]:
    """Every installed distribution at full version, and the contents of ``.pth`` files, from directory names alone."""
    found = {}
    for place in dict.fromkeys(sys.path):
        try:
            names = sorted(os.listdir(place or "."))  # noqa: PTH208 - thousands of names, no paths needed
        except OSError:
            continue  # archives and absent folders hold none
        for name in names:
            stem, _, suffix = name.rpartition(".")
            if suffix in ("dist-info", "egg-info") and stem:
                distribution, _, version = stem.partition("-")
                own = suffix == "dist-info" and _is_project(Path(place, name), root)
                found[f"distribution {distribution}"] = f"this project{_entries(Path(place, name))}" if own else version
            elif suffix == "pth":
                found[f"path file {name}"] = digest_of(Path(place, name).read_bytes())
    return found


def _entries(info: Path) -> str:
    """The digest of a distribution's entry points, if it has any."""
    try:
        return f" {digest_of((info / 'entry_points.txt').read_bytes())[:12]}"
    except OSError:
        return ""


def _is_project(info: Path, root: Path) -> bool:
    """Whether a distribution is the project itself, whose version may change with every commit."""
    try:
        url = str(msgspec.json.decode((info / "direct_url.json").read_bytes(), type=dict[str, object])["url"])
    except (OSError, msgspec.DecodeError, KeyError):
        return False
    return url.startswith("file:") and Path(unquote(urlparse(url).path)).resolve() == root.resolve()


def _config_files(root: Path, ini: Path | None) -> list[Path]:
    places = {root / "pyproject.toml", *([ini] if ini is not None else [])}
    return sorted(place for place in places if place.is_file())


def _files(root: Path, pattern: str) -> list[Path]:
    return sorted(path for path in root.glob(pattern) if path.is_file())


def _short(value: str | None) -> str:
    if value is None:
        return "(none)"
    return value if len(value) <= 40 else f"{value[:37]}..."
