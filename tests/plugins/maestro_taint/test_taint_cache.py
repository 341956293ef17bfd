"""The cache changes nothing but the time: hot equals cold, what is damaged is computed again and told."""

from __future__ import annotations

import hashlib
import subprocess
import threading
from typing import TYPE_CHECKING

from maestro_hooks.requests import CheckRequest, SourceFile
from maestro_taint.gate import check
from maestro_taint.settings import TaintSettings

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Obligation

FILES = {
    "app.py": "from flask import request\nimport lib\ndef view():\n    lib.run(request.args['q'])\n",
    "lib.py": "import os\nfrom base import Base\ndef run(x):\n    os.system('ls ' + x)\nclass Deep(Base):\n    pass\n",
    "base.py": "class Base:\n    pass\n",
    "other.py": "x = 1\n",
}


def tree(root: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    for name, text in FILES.items():
        (root / name).write_text(text, encoding="utf-8")
    (root / ".maestro").mkdir()
    (root / ".maestro" / ".gitignore").write_text("*\n", encoding="utf-8")
    return root


def checked(root: Path, *names: str) -> list[Obligation]:
    files = tuple(
        SourceFile(name, root / name, hashlib.sha256((root / name).read_bytes()).hexdigest()) for name in names
    )
    request = CheckRequest(root=root, files=files, settings=TaintSettings(bandit="never"))
    return [o for o in check(request) if o.key != "taint/cache-damaged"]


def entries(root: Path) -> list[Path]:
    return sorted(p for p in (root / ".maestro" / "cache" / "taint").rglob("*") if p.is_file())


def test_hot_equals_cold(tmp_path: Path) -> None:
    root = tree(tmp_path)
    cold = checked(root, "lib.py")
    assert len(entries(root)) >= 3
    assert checked(root, "lib.py") == cold
    assert cold[0].value == 1
    assert cold[0].findings[0].trace[0].path == "app.py"


def test_a_change_is_seen_and_taken_back(tmp_path: Path) -> None:
    root = tree(tmp_path)
    first = checked(root, "lib.py")
    (root / "app.py").write_text("import lib\nlib.run('ls')\n", encoding="utf-8")
    assert checked(root, "lib.py")[0].value == 0
    (root / "app.py").write_text(FILES["app.py"], encoding="utf-8")
    assert checked(root, "lib.py") == first


def test_damaged_entries_are_computed_again_and_told(tmp_path: Path) -> None:
    root = tree(tmp_path)
    cold = checked(root, "lib.py")
    for place in entries(root):
        place.write_bytes(place.read_bytes()[:-40] + b"x" * 40)
    files = tuple(SourceFile(n, root / n, hashlib.sha256((root / n).read_bytes()).hexdigest()) for n in ("lib.py",))
    told = list(check(CheckRequest(root=root, files=files, settings=TaintSettings(bandit="never"))))
    assert [o for o in told if o.key != "taint/cache-damaged"] == cold
    assert [o.value for o in told if o.key == "taint/cache-damaged"] != [0]
    assert any(o.key == "taint/cache-damaged" for o in told)
    assert checked(root, "lib.py") == cold


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    root = tree(tmp_path)
    results: list[list[Obligation]] = []
    threads = [threading.Thread(target=lambda: results.append(checked(root, "lib.py"))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 4
    assert all(r == results[0] for r in results)
    assert not [p for p in entries(root) if p.suffix]


def test_no_cache_is_written_where_the_host_keeps_no_state(tmp_path: Path) -> None:
    root = tree(tmp_path)
    for place in sorted((root / ".maestro").rglob("*"), reverse=True):
        place.unlink()
    (root / ".maestro").rmdir()
    assert checked(root, "lib.py")[0].value == 1
    assert not (root / ".maestro").exists()
