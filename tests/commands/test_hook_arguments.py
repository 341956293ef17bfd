"""The hook verb takes its options before or between the files, as pre-commit appends them."""

from __future__ import annotations

import pytest

from maestro_hooks import cli
from maestro_hooks.commands import hook


def parsed(words: list[str]) -> tuple[str, list[str], bool]:
    parser, verbs = cli._parsers()
    hook.add_arguments(verbs["hook"])
    found = cli._parsed(parser, ["hook", *words])
    return found.name, found.files, found.fix


@pytest.mark.parametrize(
    "words",
    [["taint", "--fix", "a.py", "b.py"], ["--fix", "taint", "a.py", "b.py"], ["taint", "a.py", "b.py", "--fix"]],
)
def test_the_place_of_an_option_does_not_matter(words: list[str]) -> None:
    assert parsed(words) == ("taint", ["a.py", "b.py"], True)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(SystemExit):
        parsed(["taint", "--fxi", "a.py"])
