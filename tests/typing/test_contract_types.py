"""The contract as a type checker sees it: a fitting plugin passes strictly, each misuse is an error of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
HEAD = "from maestro_hooks import Advice, CheckRequest, Obligation, Skip\n"
MISUSES = {
    "Obligation(key='a/b', value=0.5)": "arg-type",  # floats never enter signed bytes
    "Obligation(value=1)": "call-arg",
    "Obligation(key='a/b', value=1, verdict='met')": "call-arg",  # a plugin cannot declare itself passed
    "Skip('test_a')": "call-arg",  # no skip without its reason
    "request.files = ()": "misc",  # requests are frozen
    "request.filenames": "attr-defined",
    "CheckRequest(root=request.root, files=['a.py'])": "arg-type",
    "Advice(key='k', action='a', risk='terrible')": "arg-type",
}


def mypy(*files: Path, cache: Path) -> str:
    command = [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--cache-dir", str(cache), *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_plugin_that_fits_and_every_misuse(tmp_path: Path) -> None:
    shown = mypy(HERE / "plugin_that_fits.py", cache=tmp_path / "cache")
    assert shown.startswith("Success"), shown
    wrong = tmp_path / "wrong.py"
    body = "".join(f"    {words}\n" for words in MISUSES)
    wrong.write_text(f"{HEAD}\ndef misuse(request: CheckRequest) -> None:\n{body}", encoding="utf-8")
    reported = mypy(wrong, cache=tmp_path / "cache").splitlines()
    first = HEAD.count("\n") + 3
    for number, (words, code) in enumerate(MISUSES.items(), start=first):
        assert any(f"wrong.py:{number}: error:" in line and f"[{code}]" in line for line in reported), (words, reported)
