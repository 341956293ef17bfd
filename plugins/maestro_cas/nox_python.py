"""Which interpreter a session's environment would have, without making the environment.

Invariant: the answer names implementation, version and ABI; it is asked of the interpreter itself, and remembered by
the executable's own numbers, so another interpreter at the same place is asked again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from maestro_cas.key import own_python
from maestro_cas.names import safe_name
from maestro_hooks.errors import ToolError

if TYPE_CHECKING:
    from nox.virtualenv import ProcessEnv

    from maestro_cas.store import Store

_QUESTION = (
    "import sys;print(sys.implementation.name,'.'.join(map(str,sys.version_info[:3])),"
    "str(sys.implementation.cache_tag)+getattr(sys,'abiflags',''))"
)


def python_identity(environment: ProcessEnv, store: Store) -> str:
    """Implementation, version and ABI of the interpreter nox would use.

    Raises:
        InterpreterNotFound: there is none; nox reports that as it always does.
        ToolError: it does not run.
    """
    path = str(getattr(environment, "_resolved_interpreter", sys.executable))
    path = shutil.which(path) or path  # older releases of nox give a bare name
    if os.path.realpath(path) == os.path.realpath(sys.executable):
        return own_python()
    numbers = os.stat(path)
    note = f"{store.home}/stat/python-{safe_name(f'{path} {numbers.st_mtime_ns} {numbers.st_size} {numbers.st_ino}')}"
    with suppress(OSError, ValueError), open(note, encoding="utf-8") as stream:
        known = json.loads(stream.read())
        if isinstance(known, str):
            return known
    done = subprocess.run([path, "-I", "-c", _QUESTION], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        raise ToolError("the interpreter does not run", where=path, fix="repair it")
    draft = f"{note}.{os.getpid()}"
    with suppress(OSError):
        with open(draft, "w", encoding="utf-8") as stream:
            stream.write(json.dumps(done.stdout.strip()))
        os.replace(draft, note)
    return done.stdout.strip()
