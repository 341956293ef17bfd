"""Files that tests write and other tests read: what made their content belongs to the reader too.

A file is a memo like a table in memory: the test that finds it there runs none of the code that filled it. Readers
take over what the writers were seen to touch. A file that another process of the run wrote makes its reader opaque.

Invariant: a reader holds the keys of every test and fixture of this process that wrote what it reads.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from maestro_bloom.originals import SEPARATOR, absolute, lstat

if TYPE_CHECKING:
    from maestro_bloom.observations import Bag

_DEVICES = ("/dev/", "/proc/", "/sys/")
_WORKER = "PYTEST_XDIST_WORKER"


class WrittenFiles:
    """Who wrote which file, by absolute path, in this process."""

    def __init__(self) -> None:
        self._writers: dict[str, set[Bag]] = {}
        # Seconds since the epoch, as files are dated; only where other processes write for the same run.
        self._since = time.time() if _WORKER in os.environ else None

    def wrote(self, place: str, bag: Bag, *, anew: bool) -> None:
        """``bag`` writes the file, from its beginning or not."""
        place = absolute(place) or ""
        if not place or place.startswith(_DEVICES):
            return
        if anew:
            self._writers[place] = {bag}
        else:
            self._writers.setdefault(place, set()).add(bag)

    def read(self, place: str, bag: Bag) -> None:
        """``bag`` reads the file."""
        if not self._writers and self._since is None:
            return
        place = absolute(place) or ""
        writers = self._writers.get(place)
        if writers is not None:
            bag.others |= writers - {bag}
        elif self._since is not None and not place.startswith(_DEVICES) and _dated(place) >= self._since:
            bag.opaque.add("a file that another process wrote")

    def moved(self, old: str, new: str) -> None:
        """A file or a directory was renamed."""
        old, new = absolute(old) or "", absolute(new) or ""
        for place in [p for p in self._writers if p == old or p.startswith(old + SEPARATOR)]:
            self._writers[new + place[len(old) :]] = self._writers.pop(place)


def _dated(place: str) -> float:
    try:
        return lstat(place).st_mtime
    except OSError:
        return 0.0
