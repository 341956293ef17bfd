"""Many pytest runs from one process that has imported pytest and Maestro once: each run is a fork of it.

Invariant: the server imports nothing of the project, so every run imports the sources as they are then.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from maestro_hooks.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_SERVER = """
import importlib, json, os, signal, sys
import pytest
import maestro_bloom.pytest_part, maestro_bloom.pytest_recording, maestro_hooks.integrations.pytest_session
sys.dont_write_bytecode = True
for name in sys.argv[1:]:
    importlib.import_module(name)
for line in sys.stdin:
    directory, arguments, variables, output, timeout = json.loads(line)
    child = os.fork()
    if not child:
        os.chdir(directory)
        os.environ.update(variables)
        sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        signal.alarm(timeout)
        code = 3
        try:
            code = int(pytest.main(arguments))
        finally:
            sys.stdout.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class ForkServer:
    """A context manager; ``variables`` are set for every run, those of other runs of pytest and Maestro are not.

    ``preload`` names modules that every run imports anyway, and that no project under test brings.
    """

    def __init__(self, variables: Mapping[str, str] | None = None, *, preload: Sequence[str] = ()) -> None:
        self._preload = tuple(preload)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "MAESTRO_", "COV_", "COVERAGE_"))}
        self._environment = kept | dict(variables or {})

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVER, *self._preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def run(
        self,
        directory: Path,
        arguments: Sequence[str],
        *,
        output: Path,
        variables: Mapping[str, str] | None = None,
        timeout_s: int = 600,
    ) -> int:
        """The exit code of one pytest run, negative for a signal. Raises ``ToolError`` if the server died."""
        request = [str(directory), list(arguments), dict(variables or {}), str(output), timeout_s]
        stdin, stdout = self._process.stdin, self._process.stdout
        answer = ""
        if stdin is not None and stdout is not None:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            answer = stdout.readline()
        if not answer.strip():
            raise ToolError("the process that runs the tests died", where=str(directory), fix="run the tests by hand")
        return int(answer)
