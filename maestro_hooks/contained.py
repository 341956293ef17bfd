"""A library that logs, warns and exits as a program of its own would, run inside this process.

Invariant: it leaves no trace. Its log becomes data; warning filters, the warning format and its logger are put back.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Collector(logging.Handler):
    """Keeps records instead of writing them."""

    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__(logging.WARNING)
        self.records = records

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self.records.append(record)


@contextmanager
def contained(name: str) -> Iterator[list[logging.LogRecord]]:
    """Collect what the logger ``name`` is told from WARNING on, and ignore warnings meanwhile.

    Raises:
        KeyboardInterrupt: the library turned an interrupt into an exit.
    """
    records: list[logging.LogRecord] = []
    handler = _Collector(records)
    logger = logging.getLogger(name)
    level, propagate, formatwarning = logger.level, logger.propagate, warnings.formatwarning
    # At WARNING libraries draw no progress bars, and format no message for each step.
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            # Under "-W error" a warning of the library would be an error of ours.
            warnings.simplefilter("ignore")
            yield records
    except SystemExit as stopped:
        raise KeyboardInterrupt from stopped
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
        warnings.formatwarning = formatwarning
