"""A small process that forks one child per case.

Forking the test process itself costs the kernel 10 ms each time: it holds all that pytest and the engine hold.
"""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import struct
import subprocess
import sys
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[4]
LENGTH = struct.Struct("<I")


@cache
def _server() -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "tests.plugins.maestro_taint.generator.forking"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")])}
    server = subprocess.Popen(words, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(server.communicate)  # closes its input, at which it ends
    assert server.stdin is not None
    # Cases import from the standard library: once is enough.
    _send(server.stdin, pickle.dumps([m for m in sys.modules if m.partition(".")[0] in sys.stdlib_module_names]))
    return server


def answer_of(work: Callable[..., str], *arguments: Any) -> str:
    """What a function of some module says in a child of its own; ``''`` if the child ended before it did."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    _send(server.stdin, pickle.dumps((work, arguments)))
    return _receive(server.stdout).decode()


def in_child(work: Callable[[], str]) -> str:
    """Fork here, and give what the child says."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        said = ""
        try:
            said = work()
        finally:
            os.write(write, said.encode())
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return said


def _send(stream: BinaryIO | Any, data: bytes) -> None:
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def _receive(stream: BinaryIO | Any) -> bytes:
    head = stream.read(LENGTH.size)
    return stream.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""


def main() -> None:
    """Serve until the test process closes its end; what cases print goes nowhere."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    for name in pickle.loads(_receive(requests)):  # noqa: S301 - from the test process  # nosec B301
        with suppress(ImportError):
            import_module(name)
    gc.freeze()
    while data := _receive(requests):
        work, arguments = pickle.loads(data)  # noqa: S301 - from the test process  # nosec B301
        _send(answers, in_child(partial(work, *arguments)).encode())


if __name__ == "__main__":
    main()
