"""Run inside every Python child: note each file it opens or lists. Loaded from a ``.pth`` file or ``sitecustomize``.

It uses the standard library alone and stays silent: an error here must not disturb the program watched. The hook sees
what Python opens, not ``stat``, not native code; the record says so by naming its method.
"""

from __future__ import annotations

import os
import sys

_DIRECTORY = getattr(os, "O_DIRECTORY", 0)


def install(log: str) -> None:
    """Note every open, listing and move of this process in the file ``log``.

    One line each: kind, NUL, path, NUL, cwd; of a move, NUL and the new path follow.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    seen: set[tuple[str, str]] = set()

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        kind, path = told(event, arguments)
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str) or (kind, path) in seen:
            return
        try:
            here = os.getcwd()
            target = "\0" + os.fsdecode(str(arguments[1])) if kind == "move" else ""
            os.write(descriptor, os.fsencode(f"{kind}\0{path}\0{here}{target}\n"))
        except (OSError, ValueError):
            return
        if path.startswith("/") and kind != "move":
            seen.add((kind, path))

    sys.addaudithook(hook)


def told(event: str, arguments: tuple[object, ...]) -> tuple[str, object]:
    """What an event says: a kind and a path, or a path of ``None`` for what is of no interest."""
    if event == "open":
        path, flags = arguments[0], arguments[2]
        number = flags if isinstance(flags, int) else 0
        # os.open may mean another directory (dir_fd), which the event does not tell: believe what is here.
        if arguments[1] is None and isinstance(path, str) and path[:1] != "/" and not os.path.lexists(path):
            return "", None
        writing = number & (os.O_WRONLY | os.O_RDWR)
        return "write" if writing else "directory" if number & _DIRECTORY else "read", path
    if event in ("os.listdir", "os.scandir"):
        return "listing", arguments[0] or "."
    if event == "os.rename":
        return "move", arguments[0]
    if event == "subprocess.Popen":
        return "execute", arguments[0]
    return "", None


if os.environ.get("MAESTRO_CAS_READS"):
    install(os.environ["MAESTRO_CAS_READS"])
