"""Level ``names``: a changed module level selects whoever mentions what changed, or all importers if that is unsure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maestro_bloom.fork_server import ForkServer
from tests.plugins.maestro_bloom.test_zoo import Runner, outcomes, record, restore, skippable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = {
    ".gitignore": "__pycache__/\n.pytest_cache/\n*.out\n",
    "pyproject.toml": """
[tool.pytest.ini_options]
pythonpath = ["src"]
testpaths = ["tests"]
addopts = "--continue-on-collection-errors"
[tool.maestro.bloom]
level = "names"
""",
    "src/limits.py": """
import json

LIMIT = 1
OTHER = 1
BOTH = (LIMIT, 2)
HALF = OTHER / 2


def least(value=1):
    return value


def alone():
    return 1


def kept():
    return LIMIT


ATHAND = alone
KEPT = kept()
""",
    "src/users.py": """
import limits
from limits import BOTH

MADE = BOTH


def by_attribute():
    return limits.LIMIT


def by_value():
    return MADE


def by_text():
    return getattr(limits, 'OTHER')


def of_default():
    return limits.least()


def by_other_name():
    return limits.ATHAND()


def nothing():
    return 1
""",
    "tests/test_users.py": "import limits\nimport users\n\n\n"
    + "".join(
        f"def test_{name}():\n    assert users.{name}() == {wanted}\n\n\n"
        for name, wanted in {
            "by_attribute": "1",
            "by_value": "(1, 2)",
            "by_text": "1",
            "of_default": "1",
            "by_other_name": "1",
            "nothing": "1",
        }.items()
    )
    + "def test_kept():\n    assert limits.KEPT == 1\n",
    "data/program.txt": "import limits\nfound = limits.least()\n",
    "tests/test_text.py": """
from pathlib import Path


def test_text():
    names = {}
    exec((Path(__file__).parents[1] / "data" / "program.txt").read_text(), names)
    assert names["found"] == 1
""",
    "tests/test_limits.py": "import limits\n\n\ndef test_half():\n    assert limits.HALF == 0.5\n",
}
LIMITS = "src/limits.py"
ALL = {"by_attribute", "by_value", "by_text", "of_default", "by_other_name", "nothing", "kept", "half", "text"}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str], Runner]]:
    root = tmp_path_factory.mktemp("names") / "project"
    for path, content in PROJECT.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    with ForkServer() as server:
        run = Runner(server)
        yield root, record(run, root), run


def selected(recorded: tuple[Path, dict[str, str], Runner], old: str, new: str) -> set[str]:
    """The tests that run after a change of the limits; none whose outcome changed is skipped."""
    root, before, run = recorded
    restore(root)
    text = PROJECT[LIMITS]
    assert old in text
    (root / LIMITS).write_text(text.replace(old, new, 1), encoding="utf-8")
    now = run(root, "--maestro-select=report", "--maestro-record=off")
    after = outcomes(now)
    skips = skippable(now)
    assert not {nodeid for nodeid in before if before[nodeid] != after.get(nodeid)} & skips, now["output"]
    return {nodeid.partition("::test_")[2] for nodeid in before.keys() - skips}


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("import json\n", "import json\nimport string\n", set()),
        ("OTHER = 1", "OTHER = 1\nFRESH = 3", set()),
        ("value=1", "value=2", {"of_default", "text"}),
        ("def alone():", "def alone(value=1):", {"by_other_name"}),
    ],
)
def test_a_changed_name_selects_who_mentions_it(
    recorded: tuple[Path, dict[str, str], Runner], old: str, new: str, wanted: set[str]
) -> None:
    assert selected(recorded, old, new) == wanted


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 1", "LIMIT = 2"),  # a function that ran at import uses it
        ("OTHER = 1", "OTHER = '1'"),  # an expression that may fail is made of it
        ("OTHER = 1\n", "OTHER = MISSING\n"),
        ("import json\n", "import json\nimport limits_of_nobody\n"),
        ("def alone():", "@json.loads\ndef alone():"),
        ("OTHER = 1\n", "OTHER = int('1')\n"),
    ],
)
def test_what_may_act_or_fail_selects_all_that_import_the_module(
    recorded: tuple[Path, dict[str, str], Runner], old: str, new: str
) -> None:
    assert selected(recorded, old, new) == ALL


def test_a_name_that_is_gone_selects_whoever_imports_it(recorded: tuple[Path, dict[str, str], Runner]) -> None:
    assert selected(recorded, "BOTH = (LIMIT, 2)\n", "") == ALL - {"half", "text"}
