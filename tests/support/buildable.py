"""A project that builds in a second: its backend lies beside it and needs nothing from an index."""

from __future__ import annotations

_BACKEND = """\
import pathlib


def build_sdist(directory, settings=None):
    return _made(directory, "one-1.tar.gz")


def build_wheel(directory, settings=None, metadata=None):
    return _made(directory, "one-1-py3-none-any.whl")


def _made(directory, name):
    import io, tarfile, zipfile
    place = pathlib.Path(directory, name)
    if name.endswith("whl"):
        with zipfile.ZipFile(place, "w") as wheel:
            wheel.writestr("one.py", "")
    else:
        with tarfile.open(place, "w:gz") as sdist:
            for file in ("pyproject.toml", "backend.py", "PKG-INFO"):
                data = pathlib.Path(file).read_bytes() if file != "PKG-INFO" else b""
                member = tarfile.TarInfo(f"one-1/{file}")
                member.size = len(data)
                sdist.addfile(member, io.BytesIO(data))
    return name
"""
_PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "one"\n'
PROJECT: dict[str, str | bytes] = {
    "pyproject.toml": _PYPROJECT,
    "backend.py": _BACKEND,
    ".gitignore": "dist/\n__pycache__/\n.pytest_cache/\n",
}
