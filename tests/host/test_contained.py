"""A library run inside this process leaves no trace, whatever it does."""

from __future__ import annotations

import logging
import warnings

import pytest

from maestro_hooks.contained import contained

NAME = "a.noisy.library"


def state() -> tuple[object, ...]:
    logger = logging.getLogger(NAME)
    return logger.level, logger.propagate, list(logger.handlers), warnings.formatwarning, list(warnings.filters)


def noisy() -> None:
    logger = logging.getLogger(NAME)
    logger.warning("first")
    logger.info("not kept")
    logger.setLevel(logging.DEBUG)
    logger.error("second %d", 2)
    warnings.formatwarning = lambda *_: ""
    warnings.simplefilter("error")


def test_what_it_logs_is_data_and_what_it_changed_is_put_back(capsys: pytest.CaptureFixture[str]) -> None:
    before = state()
    with contained(NAME) as records:
        noisy()
    assert [r.getMessage() for r in records] == ["first", "second 2"]
    assert state() == before
    assert capsys.readouterr() == ("", "")


def fail(raised: type[BaseException]) -> None:
    with contained(NAME):
        noisy()
        raise raised


@pytest.mark.parametrize(
    ("raised", "seen"),
    [(ValueError, ValueError), (SystemExit, KeyboardInterrupt), (KeyboardInterrupt, KeyboardInterrupt)],
)
def test_an_error_or_an_exit_leaves_no_trace_either(raised: type[BaseException], seen: type[BaseException]) -> None:
    before = state()
    with pytest.raises(seen):
        fail(raised)
    assert state() == before


def test_a_warning_made_an_error_outside_does_not_reach_it() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with contained(NAME):
            warnings.warn("ignored", DeprecationWarning, stacklevel=1)
