from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from textwrap import indent
from typing import TYPE_CHECKING, Any

import pytest

from maestro_bloom.leaving_out import digest
from maestro_bloom.rearranging import rearranges
from tests.plugins.maestro_bloom.test_runs import Project, project, ran, server
from tests.plugins.maestro_bloom.test_zoo import committed

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_bloom.fork_server import ForkServer

__all__ = ["project", "server"]  # fixtures

# Files that are not even collected, from the point of view of somebody whose test would be lost.

FILES = {
    ".gitignore": "__pycache__/\n*.out\n",
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\ntestpaths = ["tests"]\n'
    'addopts = "--doctest-modules"\n',
    "src/pkg.py": "def one():\n    return 1\n\n\ndef two():\n    return 2\n\n\nFLAGS = set()\n",
    "src/bases.py": "class Base:\n    def test_inherited(self):\n        pass\n",
    "tests/conftest.py": (
        "from pathlib import Path\n\nimport pytest\n\nNAMES = ['a']\n\n\n"
        "def pytest_generate_tests(metafunc):\n"
        "    if 'generated' in metafunc.fixturenames:\n        metafunc.parametrize('generated', NAMES)\n"
        "    if 'line' in metafunc.fixturenames:\n"
        "        metafunc.parametrize('line', (Path(__file__).parent / 'lines.txt').read_text().split())\n\n\n"
        "@pytest.fixture(params=['x'])\ndef many(request):\n    return request.param\n\n\n"
        "def pytest_collection_modifyitems(config, items):\n    slow = pytest.mark.filterwarnings('ignore')\n"
        "    for item in items:\n        if 'slow' in item.keywords:\n            item.add_marker(slow)\n"
    ),
    "tests/lines.txt": "l1\n",
    "tests/values.txt": "v1\n",
    "tests/cases/c1.txt": "",
    "tests/test_plain.py": "import pkg\n\n\ndef test_plain():\n    assert pkg.one() == 1\n",
    "tests/test_other.py": "import pkg\n\n\ndef test_other():\n    assert pkg.two() == 2\n",
    "tests/test_data.py": (
        "from pathlib import Path\n\nimport pytest\n\n\n"
        "@pytest.mark.parametrize('v', (Path(__file__).parent / 'values.txt').read_text().split())\n"
        "def test_data(v):\n    pass\n"
    ),
    "tests/test_listing.py": (
        "import os\nfrom pathlib import Path\n\nimport pytest\n\n\n"
        "@pytest.mark.parametrize('c', sorted(os.listdir(Path(__file__).parent / 'cases')))\n"
        "def test_listing(c):\n    pass\n"
    ),
    "tests/test_variable.py": (
        "import os\n\nimport pytest\n\n\n"
        "@pytest.mark.parametrize('v', os.environ.get('CASES', 'one').split(','))\ndef test_variable(v):\n    pass\n"
    ),
    "tests/test_inherits.py": "from bases import Base\n\n\nclass TestInherits(Base):\n    pass\n",
    "tests/test_generated.py": "def test_generated(generated):\n    pass\n",
    "tests/test_lines.py": "def test_lines(line):\n    pass\n",
    "tests/test_many.py": "def test_many(many):\n    pass\n",
    "tests/test_optional.py": (
        "try:\n    import optional\nexcept ImportError:\n    optional = None\n\n\ndef test_optional():\n    pass\n\n\n"
        "if optional:\n    def test_with_optional():\n        pass\n"
    ),
    "tests/test_units.py": (
        "import unittest\n\n\nclass TestUnits(unittest.TestCase):\n    def test_unit(self):\n        pass\n"
    ),
    "tests/test_documented.py": "def twice(n):\n    '''\n    >>> twice(1)\n    2\n    '''\n    return 2 * n\n",
    "tests/deep/test_deep.py": "def test_deep():\n    pass\n",
}
# They are collected whatever is unchanged.
COLLECTED = {
    "tests/test_chance.py": (
        "import random\n\nimport pytest\n\n\n"
        "@pytest.mark.parametrize('n', [random.randrange(10**12)])\ndef test_chance(n):\n    pass\n"
    ),
    "tests/test_outside.py": (
        "from pathlib import Path\n\nimport pytest\n\nPLACE = Path(__file__).parents[2] / 'outside.txt'\n\n\n"
        "@pytest.mark.parametrize('v', PLACE.read_text().split())\ndef test_outside(v):\n    pass\n"
    ),
    "tests/test_always.py": (
        "import pytest\n\n\n@pytest.mark.maestro_always\ndef test_always():\n    pass\n\n\n"
        "def test_sometimes():\n    pass\n"
    ),
    "tests/test_skipping.py": "import pytest\n\n\ndef test_skipping():\n    pytest.skip('not here')\n",
    "tests/test_child.py": (
        "import subprocess\nimport sys\n\nimport pytest\n\n"
        "OUTPUT = subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True, text=True).stdout\n\n\n"
        "@pytest.mark.parametrize('v', OUTPUT.split())\ndef test_child(v):\n    pass\n"
    ),
}


TEST = "\n\n\ndef test_{}():\n    pass\n"
AUTOUSE = "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef f():\n    pass\n"
METHOD = "    def test_{}(self):\n        pass\n"


@dataclass
class Kind:
    """A change, and a test that must run after it (by a part of its node id)."""

    name: str
    runs: str
    edits: dict[str, tuple[str, str]] = field(default_factory=dict)
    new: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


KINDS = [
    Kind("a test is new", "test_more", {"tests/test_plain.py": ("import pkg", f"import pkg{TEST.format('more')}")}),
    Kind("a test changed", "test_plain", {"tests/test_plain.py": ("== 1", "== 1 + 0")}),
    Kind("what a test ran changed", "test_other", {"src/pkg.py": ("return 2", "return 1 + 1")}),
    Kind("a line of the data that make tests", "test_data[v2]", {"tests/values.txt": ("v1", "v1 v2")}),
    Kind("an entry of the directory that makes tests", "test_listing[c2.txt]", new={"tests/cases/c2.txt": ""}),
    Kind("the variable that makes tests", "test_variable[two]", variables={"CASES": "one,two"}),
    Kind(
        "a base class has another test",
        "TestInherits::test_second",
        {"src/bases.py": ("class Base:", f"class Base:\n{METHOD.format('second')}")},
    ),
    Kind("a list that a hook makes tests of", "test_generated[b]", {"tests/conftest.py": ("['a']", "['a', 'b']")}),
    Kind(
        "a hook that makes tests",
        "test_generated",
        {"tests/conftest.py": ("'generated', NAMES", "'generated', NAMES * 1")},
    ),
    Kind("data that a hook makes tests of", "test_lines[l2]", {"tests/lines.txt": ("l1", "l1 l2")}),
    Kind("parameters of a fixture", "test_many[y]", {"tests/conftest.py": ("['x']", "['x', 'y']")}),
    Kind("a module that was missing", "test_with_optional", new={"src/optional.py": "VALUE = 1\n"}),
    Kind(
        "a test case has another method",
        "test_next",
        {"tests/test_units.py": ("    def test_unit", f"{METHOD.format('next')}\n    def test_unit")},
    ),
    Kind("an example", "test_documented", {"tests/test_documented.py": (">>> twice(1)\n    2", ">>> twice(2)\n    4")}),
    Kind("a new conftest", "test_deep", new={"tests/deep/conftest.py": AUTOUSE}),
    Kind("a directory becomes a package", "test_deep", new={"tests/deep/__init__.py": ""}),
    Kind("a new file", "test_new", new={"tests/deep/test_new.py": "def test_new():\n    pass\n"}),
    Kind("a parameter from outside the project", "test_outside[o2]", new={"../outside.txt": "o1 o2"}),
    Kind("nothing", "test_chance"),
    Kind("nothing, and a test always runs", "test_always"),
]


def write(root: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)


def collected(result: dict[str, Any]) -> int:
    """How many items pytest itself found."""
    found = re.search(r"collected (\d+) item", result["output"])
    assert found, result["output"]
    return int(found[1])


def told(result: dict[str, Any]) -> set[str]:
    return {skip["nodeid"] for skip in result["skips"]}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, server: ForkServer) -> tuple[Project, set[str]]:
    root = tmp_path_factory.mktemp("leaving") / "project"
    write(root, {**FILES, **COLLECTED, "../outside.txt": "o1"})
    committed(root)
    made = Project(root, server)
    assert made.run()["code"] == 0
    tests = ran(made.run("--maestro-select=off"))
    shutil.copytree(root, root.parent / "kept")
    return made, tests


@pytest.fixture
def restored(recorded: tuple[Project, set[str]]) -> Project:
    made, _ = recorded
    shutil.rmtree(made.root)
    shutil.copytree(made.root.parent / "kept", made.root)
    (made.root.parent / "outside.txt").write_text("o1")
    return made


def test_unchanged_files_are_left_out_and_all_is_told(restored: Project) -> None:
    result = restored.run("--maestro-record=off")
    assert result["code"] == 0
    # The new test of chance, the marked one with its neighbour, the skipping one, and the two that read elsewhere.
    assert collected(result) == 6
    assert ran(result) == {"test_always", "test_skipping"} | {t for t in ran(result) if t.startswith("test_chance")}
    names = {nodeid.partition("::")[0] for nodeid in told(result)}
    assert names >= {path for path in FILES if path.rpartition("/")[2].startswith("test_")}
    assert result["collected"] == len(told(result)) + len(result["tests"])
    assert f"{len(told(result))} deselected" in result["output"].splitlines()[-1]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name.replace(" ", "_"))
def test_no_test_is_lost(restored: Project, kind: Kind) -> None:
    for path, (old, new) in kind.edits.items():
        restored.edit(path, old, new)
    write(restored.root, kind.new)
    result = restored.run("--maestro-record=off", variables=kind.variables or None)
    assert result["code"] == 0, result["output"]
    assert any(kind.runs in test["nodeid"] for test in result["tests"]), result["output"]


def test_recording_and_leaving_out_go_together(restored: Project) -> None:
    restored.edit("src/pkg.py", "return 2", "return 1 + 1")
    assert "test_other" in ran(restored.run())
    result = restored.run()
    assert "test_other" not in ran(result)
    assert collected(result) == 6  # what was left out twice is known as before


def test_collecting_only_lists_what_would_run(restored: Project) -> None:
    alone = told(restored.run("--maestro-record=off"))
    listed = restored.run("--collect-only", "-q")
    assert "test_skipping" in listed["output"]
    assert not any(nodeid in listed["output"] for nodeid in alone)


def test_workers_leave_out_alike(project: Project) -> None:
    result = twice(project, "-n", "2")
    assert (len(told(result)), result["collected"], result["code"]) == (2, 2, 0)
    project.edit("src/pkg.py", "return 2", "return 3")
    result = project.run("-n", "2", "--maestro-record=off")
    assert (ran(result), len(told(result)), result["code"]) == ({"test_two"}, 1, 1)


@pytest.mark.parametrize(
    "arguments",
    [("-k", "test_plain"), ("tests/test_plain.py::test_plain",), ("--deselect=tests/test_other.py::test_other",)],
    ids=["-k", "node id", "--deselect"],
)
def test_whoever_chooses_tests_collects_them(restored: Project, arguments: tuple[str, ...]) -> None:
    result = restored.run("--maestro-record=off", *arguments)
    chosen = "test_plain" in ran(result)
    assert chosen != any(argument.startswith("--deselect") for argument in arguments)
    assert collected(result) > (6 if not any("::" in a for a in arguments[:1]) or not chosen else 0)


def test_a_full_run_collects_everything(restored: Project) -> None:
    result = restored.run("--maestro-full")
    assert {"test_plain", "test_other", "test_deep"} <= ran(result)
    assert result["obligations"]["bloom/false_skips"] == "met"


def test_a_file_that_pytest_would_not_collect_is_not_told(restored: Project) -> None:
    assert told(restored.run("--maestro-record=off", "tests/deep")) == {"tests/deep/test_deep.py::test_deep"}
    assert told(restored.run("--maestro-record=off", "tests/test_plain.py")) == {"tests/test_plain.py::test_plain"}
    ignored = told(restored.run("--maestro-record=off", "--ignore=tests/deep"))
    assert "tests/deep/test_deep.py::test_deep" not in ignored
    assert ignored


def twice(project: Project, *arguments: str) -> dict[str, Any]:
    """Record, confirm, and the run after that."""
    project.run(*arguments)
    project.run(*arguments)
    return project.run(*arguments, "--maestro-record=off")


MODIFY = "def pytest_collection_modifyitems(items):\n"
REARRANGING = {
    "counts": MODIFY + "    for number, item in enumerate(items):\n        item.number = number\n",
    "drops": MODIFY + "    del items[2:]\n",
    "keeps one for the next": MODIFY + "    last = None\n    for item in items:\n        last = item\n",
    "remembers": MODIFY + "    for item in items:\n        SEEN.append(item.name)\n\n\nSEEN = []\n",
    "calls": MODIFY + "    order(items)\n\n\ndef order(items):\n    items.reverse()\n",
    "ends early": MODIFY + "    for item in items:\n        if item.name == 'test_one':\n            break\n",
    "hears of each": "def pytest_itemcollected(item):\n    SEEN.append(item)\n\n\nSEEN = []\n",
    "is assigned": "def f(items):\n    items.sort(key=id)\n\n\npytest_collection_modifyitems = f\n",
}


HARMLESS = {
    "marks": MODIFY
    + "    for item in items:\n        if 'slow' in item.keywords:\n            item.add_marker('slow')\n",
    "asks": "import os\n\n\ndef pytest_collection_modifyitems(config, items):\n    if config.getoption('--slow'):\n"
    "        return\n    for item in items:\n        name = os.path.basename(item.path)\n"
    "        if name.startswith('slow') and any(m.name == 'x' for m in item.iter_markers()):\n"
    "            item.user_properties.append(('name', name))\n",
    "is no hook": "def modify(items):\n    items.sort()\n",
}


@pytest.mark.parametrize("hook", REARRANGING.values(), ids=[name.replace(" ", "_") for name in REARRANGING])
def test_a_hook_that_may_look_at_several_tests_is_told(hook: str) -> None:
    assert rearranges(ast.parse(hook))
    assert rearranges(ast.parse(f"class Plugin:\n{indent(hook, '    ')}"))


@pytest.mark.parametrize("hook", HARMLESS.values(), ids=[name.replace(" ", "_") for name in HARMLESS])
def test_a_hook_that_looks_at_each_test_by_itself_does_no_harm(hook: str) -> None:
    assert not rearranges(ast.parse(hook))


def test_a_hook_that_may_look_at_all_tests_sees_them(project: Project) -> None:
    write(project.root, {"tests/conftest.py": REARRANGING["counts"]})
    assert collected(twice(project)) == 2


def test_a_new_hook_sees_all_tests(project: Project) -> None:
    assert collected(twice(project)) == 0
    write(project.root, {"tests/test_new.py": "def test_new():\n    pass\n", "conftest.py": REARRANGING["drops"]})
    assert collected(project.run("--maestro-record=off")) == 3


def test_an_installed_plugin_that_may_look_at_all_tests_sees_them(project: Project) -> None:
    write(project.root, {"../elsewhere/stranger.py": MODIFY + "    items.sort(key=lambda item: item.name)\n"})
    project.edit("pyproject.toml", '["src"]', '["src", "../elsewhere"]')
    write(project.root, {"conftest.py": "pytest_plugins = ['stranger']\n"})
    assert collected(twice(project)) == 2


def test_what_one_recording_found_is_not_yet_believed(project: Project) -> None:
    project.run()
    assert collected(project.run("--maestro-record=off")) == 2
    assert collected(project.run()) == 2
    assert collected(project.run("--maestro-record=off")) == 0


PAIR = "def test_a():\n    pass\n\n\ndef test_b():\n    assert {}\n"


@pytest.mark.parametrize("arguments", [("-k", "test_a"), ("tests/test_pair.py::test_a",), ("-x",)], ids=str)
def test_a_test_that_never_ran_runs(project: Project, arguments: tuple[str, ...]) -> None:
    write(project.root, {"tests/test_pair.py": PAIR.format("True")})
    if arguments == ("-x",):
        project.edit("tests/test_pair.py", "    pass", "    assert 0")
    for _ in range(2):
        project.run(*arguments)
    project.edit("tests/test_pair.py", "assert 0", "pass") if arguments == ("-x",) else None
    assert "test_b" in ran(project.run("--maestro-record=off"))


def test_a_mark_that_a_hook_gives_keeps_a_test_running(project: Project) -> None:
    hook = MODIFY + "    for item in items:\n        item.add_marker('maestro_always')\n"
    write(project.root, {"tests/conftest.py": hook})
    assert ran(twice(project)) == {"test_one", "test_two"}


def test_another_module_of_the_same_name_is_not_hidden(project: Project) -> None:
    assert collected(twice(project)) == 0
    write(project.root, {"tests/sub/test_one.py": "def test_more():\n    pass\n"})
    result = project.run("--maestro-record=off")
    assert result["code"] == 2
    assert "import file mismatch" in result["output"]


def test_at_level_names_a_name_that_is_new_everywhere_is_found(project: Project) -> None:
    settings = "\n[tool.maestro.bloom]\nlevel = 'names'\n"
    write(project.root, {"pyproject.toml": (project.root / "pyproject.toml").read_text() + settings})
    write(
        project.root,
        {"src/shared.py": "def test_shared():\n    pass\n", "tests/test_star.py": "from shared import *\n"},
    )
    twice(project)
    project.edit("src/shared.py", "def test_shared", "def test_second():\n    pass\n\n\ndef test_shared")
    assert "test_second" in ran(project.run("--maestro-record=off"))


def test_what_a_file_does_when_imported_is_done_for_those_that_run(project: Project) -> None:
    project.edit("src/pkg.py", "def one", "FLAGS = set()\n\n\ndef one")
    project.edit("tests/test_one.py", "import pkg", "import pkg\n\npkg.FLAGS.add('imported')")
    project.edit("tests/test_two.py", "pkg.two() == 2", "pkg.two() == 2 and pkg.FLAGS")
    assert collected(twice(project)) == 0
    project.edit("src/pkg.py", "return 2", "return 1 + 1")
    result = project.run("--maestro-record=off")
    assert (ran(result), result["code"]) == ({"test_two"}, 0), result["output"]


def test_records_of_what_was_left_out_stay(project: Project) -> None:
    twice(project)
    project.edit("src/pkg.py", "return 2", "return 1 + 1")
    assert ran(project.run()) == {"test_two"}
    assert ran(project.run()) == set()
    project.edit("src/pkg.py", "return 1\n", "return 2 - 1\n")
    assert ran(project.run("--maestro-record=off")) == {"test_one"}


def test_the_blob_names_every_test_that_was_left_out(project: Project) -> None:
    result = twice(project)
    blobs = [path.read_bytes() for path in (project.root / ".maestro/blobs").rglob("*") if path.is_file()]
    named = [json.loads(blob) for blob in blobs if blob.startswith(b'[["tests') and b'"bloom"' in blob]
    assert [[entry[0] for entry in blob] for blob in named] == [
        ["tests/test_one.py::test_one", "tests/test_two.py::test_two"]
    ]
    assert result["obligations"]["pytest/deselected_by_maestro"] == "met"


def test_explain_says_why_a_file_is_collected(restored: Project) -> None:
    def explained(test: str) -> str:
        command = [sys.executable, "-m", "maestro_hooks", "bloom", "explain", test]
        done = subprocess.run(command, cwd=restored.root, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[0]

    assert explained("test_plain").endswith("its file is not collected")
    assert "collected: no recording found just these tests" in explained("test_sometimes")
    assert "collected: it imports what reads outside the project" in explained("test_outside")
    restored.edit("tests/test_plain.py", "import pkg", "import pkg\n\nVALUE = 1")
    assert explained("test_plain").endswith("test_plain runs:")


def test_the_digest_of_a_set_of_node_ids_is_of_the_set() -> None:
    assert digest(["b", "a"]) == digest(["a", "b"]) != digest(["a"])
    assert digest([])
