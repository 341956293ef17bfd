"""Run inside every Python child: note each file it opens or lists. Loaded from a ``.pth`` file or ``sitecustomize``.

It uses the standard library alone and stays silent: an error here must not disturb the program watched. The hook sees
what Python opens, not ``stat``, not native code; the record says so by naming its method.
"""

from __future__ import annotations

import os
import sys

_DIRECTORY = getattr(os, "O_DIRECTORY", 0)


def install(log: str) -> None:
    """Note every open and listing of this process in the file ``log``, one line each: kind, NUL, path, NUL, cwd."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    seen: set[tuple[str, str]] = set()

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, flags = arguments[0], arguments[2]
            number = flags if isinstance(flags, int) else 0
            kind = "write" if number & (os.O_WRONLY | os.O_RDWR) else "directory" if number & _DIRECTORY else "read"
            # os.open may mean another directory (dir_fd), which the event does not tell: believe what is here.
            if arguments[1] is None and isinstance(path, str) and path[:1] != "/" and not os.path.lexists(path):
                return
        elif event in ("os.listdir", "os.scandir"):
            path, kind = arguments[0] or ".", "directory"
        elif event == "subprocess.Popen":
            path, kind = arguments[0], "execute"
        else:
            return
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str) or (kind, path) in seen:
            return
        try:
            here = os.getcwd()
            os.write(descriptor, os.fsencode(f"{kind}\0{path}\0{here}\n"))
        except (OSError, ValueError):
            return
        if path.startswith("/"):
            seen.add((kind, path))

    sys.addaudithook(hook)


if os.environ.get("MAESTRO_CAS_READS"):
    install(os.environ["MAESTRO_CAS_READS"])
