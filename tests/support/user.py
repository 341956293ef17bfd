"""Somebody at a shell in a project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


class User:
    """Somebody at a shell in a project, with this environment's tools on the path."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str, code: int | None = 0, **env: str) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, "PATH": path, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        shown = done.stdout + done.stderr
        assert code is None or done.returncode == code, f"{command} ended with {done.returncode}:\n{shown}"
        return shown

    def json(self, *command: str, code: int | None = 0, **env: str) -> dict[str, Any]:
        shown = self.run(*command, "--json", code=code, **env)
        parsed: dict[str, Any] = json.loads(shown.splitlines()[0])
        return parsed

    def ledger(self) -> dict[str, set[str]]:
        """Run id to the processes that wrote segments under it."""
        runs: dict[str, set[str]] = {}
        for segment in (self.root / ".maestro" / "ledger").glob("*/*.jsonl"):
            header = json.loads(segment.read_text(encoding="utf-8").splitlines()[0])
            runs.setdefault(segment.parent.name, set()).add(header["process"])
        return runs
