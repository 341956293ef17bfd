"""Whether anything of the project was loaded before the recorder, so that functions have to be looked for.

Invariant: ``False`` only if no module in ``sys.modules`` is the project's, and each is one whose file can be told.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maestro_bloom.observations import Territory


def is_loaded(territory: Territory) -> bool:
    """Whether project code may be loaded: asked before every function of the process is, which takes 10 ms and more."""
    for module in list(sys.modules.values()):
        if not isinstance(module, ModuleType):
            # Python 3.12 has ``typing.io``, a class; ``None`` is a name that may not be imported.
            if module is None or type(module).__module__ == "typing":
                continue
            return True  # something that stands for a module, from wherever
        filename = vars(module).get("__file__")
        if isinstance(filename, str) and territory.path(filename) is not None:
            return True
    return False
