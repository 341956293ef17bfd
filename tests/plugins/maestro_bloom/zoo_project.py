"""A small project in which every kind of change flips at least one outcome, and the changes themselves."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# The level whose selection the zoos try; the nightly tries both.
LEVEL = f'[tool.maestro.bloom]\nlevel = "{os.environ.get("BLOOM_ZOO_LEVEL", "safe")}"\n'
FILES = {
    ".gitignore": "__pycache__/\n.pytest_cache/\n*.out\nsrc/zoo/local_*.py\n",
    "requirements.txt": "pytest\n",
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\ntestpaths = ["tests"]\nxfail_strict = false\n'
    + LEVEL,
    "data/words.txt": "alpha\n",
    "data/import.txt": "one\n",
    "data/memo.txt": "one\n",
    "data/session.txt": "one\n",
    "data/many/a.txt": "a\n",
    "data/size.txt": "four",
    "data/other/kept.txt": "",
    "data/program.tmpl": "def render():\n    return 'one'\n",
    "src/zoo/__init__.py": "from zoo.star import STAR as exported\n",
    "src/zoo/resource.txt": "one\n",
    "src/zoo/local_version.py": "VERSION = 1\n",
    "src/zoo/has_local.py": "from zoo import local_version\n\ntry:\n    from zoo import local_settings\n"
    "except ImportError:\n    local_settings = None\n",
    "src/zoo/core.py": '''
import contextlib
import dataclasses
import functools
import os
import typing
from pathlib import Path

DATA = Path(__file__).parents[2] / "data"
LIMIT = 1
TABLE = {"key": 1}
AT_IMPORT = (DATA / "import.txt").read_text()
COLOUR = os.environ.get("ZOO_COLOUR", "red")


def plain():
    return 1


def outer():
    def inner():
        return 1

    return inner()


def with_default(value=1):
    return value


def annotated(value: int) -> int:
    """Say one."""
    return value


def helper_at_import():
    return 1


COMPUTED = helper_at_import()


def decorate(function):
    bonus = 1

    @functools.wraps(function)
    def wrapper():
        return function() + bonus

    return wrapper


@decorate
def decorated():
    return 0


class Base:
    size = 1

    def name(self):
        return "base"

    @property
    def prop(self):
        return 1

    @staticmethod
    def static():
        return 1

    @classmethod
    def klass(cls):
        return 1


class Left(Base):
    pass


class Right(Base):
    def name(self):
        return "right"


class Middle(Left):
    pass


def deep():
    return 1


@functools.lru_cache(maxsize=None)
def cached():
    return deep()


def deep_lazy():
    return 1


_instance = None


def lazy():
    global _instance
    if _instance is None:
        _instance = [deep_lazy()]
    return _instance


_memo = {}


def deep_memo():
    return 1


def memo(key):
    if key not in _memo:
        _memo[key] = deep_memo()
    return _memo[key]


def deep_default():
    return 1


def memo_default(key, store={}):
    if key not in store:
        store[key] = deep_default()
    return store[key]


def deep_property():
    return 1


class Shared:
    @functools.cached_property
    def value(self):
        return deep_property()


SHARED = Shared()


def deep_self():
    return 1


class Guarded:
    def __init__(self):
        self._value = None

    def value(self):
        if self._value is None:
            self._value = deep_self()
        return self._value


GUARDED = Guarded()


def deep_class():
    return 1


class Registered:
    found = None

    @classmethod
    def get(cls):
        if cls.found is None:
            cls.found = deep_class()
        return cls.found


@functools.lru_cache
def memo_file():
    return (DATA / "memo.txt").read_text()


def counting():
    yield 1
    yield helper_of_generator()


def helper_of_generator():
    return 2


def threaded():
    return 1


async def asynchronous():
    return 1


def for_session():
    return 1


def for_module():
    return 1


def for_class():
    return 1


def dynamic_fixture_value():
    return 1


def patched_by_name():
    return 1


def deep_load():
    return 1


class Loaded:
    def __init__(self):
        self._data = None

    def get(self):
        if self._data is None:
            self._load()
        return self._data

    def _load(self):
        self._data = deep_load()


LOADED = Loaded()


def deep_reified():
    return 1


class Reify:
    def __init__(self, make):
        self.make = make

    def __get__(self, instance, owner):
        value = instance.__dict__["late"] = self.make(instance)
        return value


class Reified:
    late = Reify(lambda self: deep_reified())


REIFIED = Reified()


def deep_missing():
    return 1


class Table(dict):
    def __missing__(self, key):
        self[key] = deep_missing()
        return self[key]


FILLED = Table()


def deep_hasattr():
    return 1


class Lookup:
    def value(self):
        if not hasattr(self, "_value"):
            self._value = deep_hasattr()
        return self._value


LOOKUP = Lookup()


def in_background():
    return 1


def copied():
    return 1


def in_child():
    return 1


@dataclasses.dataclass
class Data:
    value: int = 1


class Known:
    names = []

    def __init_subclass__(cls):
        Known.names.append(name_of(cls))


def name_of(cls):
    return "name"


class Sub(Known):
    pass


@contextlib.contextmanager
def managed():
    yield 1


def for_method():
    return 1


@functools.singledispatch
def dispatched(value):
    return 0


@dispatched.register
def _(value: int):
    return 1


@functools.lru_cache
def template():
    place = DATA / "program.tmpl"
    namespace = {}
    exec(compile(place.read_text(), str(place), "exec"), namespace)
    return namespace["render"]
''',
    "src/zoo/star.py": "STAR = 1\n",
    "src/zoo/export.py": "from .star import *\n",
    "src/zoo/registry.py": "ENTRIES = {}\n\n\ndef register(name, call):\n    ENTRIES[name] = call\n",
    "src/zoo/lambdas.py": "from zoo.registry import register\n\nregister('one', lambda: 1)\n",
    "src/zoo/optional.py": "try:\n    from zoo import extra\nexcept ImportError:\n    extra = None\n",
    "src/zoo/attribute.py": "def _value():\n    return 1\n\n\n"
    "def __getattr__(name):\n    if name == 'late':\n        return _value()\n    raise AttributeError(name)\n",
    "src/zoo/uses_attribute.py": "from zoo.attribute import late\n",
    "src/zoo/plug_one.py": "VALUE = 1\n\n\ndef call():\n    return 1\n",
    "src/zoo/plug_two.py": "VALUE = 2\n",
    "src/zoo/loader.py": "import importlib\n\n\n"
    "def load(name):\n    return importlib.import_module('zoo.plug_' + name)\n",
    "src/zoo/loader_raw.py": "def load(name):\n    return __import__('zoo.' + name, fromlist=['x'])\n",
    "src/zoo/raw.py": "VALUE = 1\n",
    "src/zoo/inside.py": "def use():\n    from zoo import late_import\n\n    return late_import.VALUE\n",
    "src/zoo/late_import.py": "VALUE = 1\n",
    "src/zoo/target.py": "def call():\n    return 1\n",
    "src/zoo/simple.py": "WHERE = 'module'\n",
    "tests/conftest.py": """
import threading
import time

import pytest
from zoo import core


@pytest.fixture(scope="session")
def background():
    found = []

    def work():
        time.sleep(0.05)
        found.append(core.in_background())

    threading.Thread(target=work, daemon=True).start()
    return found


@pytest.fixture(scope="session")
def session_value():
    return core.for_session()


@pytest.fixture(scope="session")
def session_file():
    return (core.DATA / "session.txt").read_text()


@pytest.fixture(scope="session")
def by_name():
    return core.dynamic_fixture_value()


@pytest.fixture
def local():
    return 1
""",
    "tests/sub/test_sub.py": "import os\n\n\ndef test_sub():\n    assert 'ZOO_AUTO' not in os.environ\n\n\n"
    "def test_name():\n    assert __name__ == 'test_sub'\n",
    "tests/test_zoo.py": """
import asyncio
import importlib.resources
import inspect
import linecache
import multiprocessing
import os
import pkgutil
import sqlite3
import subprocess
import sys
import threading
import time
import types
import typing
import unittest
import warnings

import pytest
import zoo
from zoo import has_local
from zoo import attribute, core, export, inside, lambdas, loader, loader_raw, optional, registry, simple, uses_attribute
from zoo.core import DATA

GENERATOR = core.counting()
NUMBER = 1


def setup_module():
    global NUMBER
    NUMBER = core.for_module()


def test_plain():
    assert core.plain() == 1


def test_outer():
    assert core.outer() == 1


def test_default():
    assert core.with_default() == 1


def test_annotation():
    assert typing.get_type_hints(core.annotated)["return"] is int


def test_docstring():
    assert core.annotated.__doc__ == "Say one."


def test_constant():
    assert core.LIMIT == 1


def test_table():
    assert core.TABLE["key"] == 1


def test_at_import():
    assert core.AT_IMPORT == "one\\n"


def test_colour():
    assert core.COLOUR == "red"


def test_computed():
    assert core.COMPUTED == 1


def test_decorated():
    assert core.decorated() == 1


def test_class_attribute():
    assert core.Middle().size == 1


def test_mro():
    assert core.Middle().name() == "base"


def test_members():
    assert (core.Base().prop, core.Base.static(), core.Base.klass()) == (1, 1, 1)


@pytest.mark.parametrize("n", [1, 2])
def test_cached(n):
    assert core.cached() == 1


@pytest.mark.parametrize("n", [1, 2])
def test_lazy(n):
    assert core.lazy() == [1]


@pytest.mark.parametrize("n", [1, 2])
def test_memo(n):
    assert core.memo("key") == 1


@pytest.mark.parametrize("n", [1, 2])
def test_memo_default(n):
    assert core.memo_default("key") == 1


@pytest.mark.parametrize("n", [1, 2])
def test_shared_property(n):
    assert core.SHARED.value == 1


@pytest.mark.parametrize("n", [1, 2])
def test_guarded(n):
    assert core.GUARDED.value() == 1


@pytest.mark.parametrize("n", [1, 2])
def test_class_memo(n):
    assert core.Registered.get() == 1


@pytest.mark.parametrize("n", [1, 2])
def test_memo_file(n):
    assert core.memo_file() == "one\\n"


@pytest.mark.parametrize("n", [1, 2])
def test_generator(n):
    assert next(GENERATOR) == n


def test_thread():
    found = []
    worker = threading.Thread(target=lambda: found.append(core.threaded()))
    worker.start()
    worker.join()
    assert found == [1]


def test_async():
    assert asyncio.run(core.asynchronous()) == 1


@pytest.mark.parametrize("n", [1, 2])
def test_session(session_value, n):
    assert session_value == 1


@pytest.mark.parametrize("n", [1, 2])
def test_session_file(session_file, n):
    assert session_file == "one\\n"


@pytest.mark.parametrize("n", [1, 2])
def test_by_name(request, n):
    assert request.getfixturevalue("by_name") == 1


def test_local(local):
    assert local == 1


def test_module_setup():
    assert NUMBER == 1


def test_star():
    assert export.STAR == 1


def test_lambda():
    assert registry.ENTRIES["one"]() == 1


def test_registry_size():
    assert len(registry.ENTRIES) == 1


def test_optional():
    assert optional.extra is None


def test_module_getattr():
    assert uses_attribute.late == 1


def test_dynamic_constant():
    assert loader.load("one").VALUE == 1


def test_dynamic_again():
    assert loader.load("one").VALUE == 1


def test_dynamic_function():
    assert loader.load("one").call() == 1


def test_dynamic_other():
    assert loader.load("two").VALUE == 2


@pytest.mark.parametrize("n", [1, 2])
def test_raw_import(n):
    assert loader_raw.load("raw").VALUE == 1


@pytest.mark.parametrize("n", [1, 2])
def test_late_import(n):
    assert inside.use() == 1


def test_patched_by_name(monkeypatch):
    monkeypatch.setattr("zoo.target.call", lambda: 2)


def test_simple():
    assert simple.WHERE == "module"


def test_data_file():
    assert (DATA / "words.txt").read_text() == "alpha\\n"


def test_absent_file():
    try:
        text = (DATA / "absent.txt").read_text()
    except FileNotFoundError:
        text = ""
    assert text == ""


def test_directory():
    assert sorted(p.name for p in (DATA / "many").iterdir()) == ["a.txt"]


def test_variable():
    assert os.environ.get("ZOO_SIZE", "small") == "small"


def test_any_variable():
    assert not [name for name in os.environ if name.startswith("ZOO_ANY")]


def test_process():
    code = "import sys; sys.path.insert(0, 'src'); from zoo import core; print(core.plain())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "1\\n"


def test_source():
    assert "return 1" in inspect.getsource(core.plain)


@pytest.mark.parametrize("n", [1, 2])
def test_line(n):
    assert linecache.getline(registry.__file__, 1) == "ENTRIES = {}\\n"


@pytest.mark.parametrize("n", [1, 2])
def test_template(n):
    assert core.template()() == "one"


def test_exists():
    assert not (DATA / "flag").exists()


def test_is_file():
    assert os.path.isfile(DATA / "other" / "kept.txt")


def test_is_directory():
    assert not (DATA / "folder").is_dir()


def test_size_of_file():
    assert os.path.getsize(DATA / "size.txt") == 4


@pytest.mark.parametrize("place", [0, DATA])
def test_relative(place, monkeypatch, tmp_path):
    monkeypatch.chdir(place or tmp_path)
    try:
        with open("words.txt") as stream:
            text = stream.read()
    except FileNotFoundError:
        text = "alpha\\n"
    assert text == "alpha\\n"


def test_resource():
    assert importlib.resources.files("zoo").joinpath("resource.txt").read_text() == "one\\n"


def test_package_data():
    assert pkgutil.get_data("zoo", "resource.txt") == b"one\\n"


def test_local_version():
    assert has_local.local_version.VERSION == 1


def test_local_settings():
    assert has_local.local_settings is None


@pytest.mark.parametrize("n", [1, 2])
def test_loaded(n):
    assert core.LOADED.get() == 1


@pytest.mark.parametrize("n", [1, 2])
def test_reified(n):
    assert core.REIFIED.late == 1


@pytest.mark.parametrize("n", [1, 2])
def test_filled(n):
    assert core.FILLED["key"] == 1


@pytest.mark.parametrize("n", [1, 2])
def test_lookup(n):
    assert core.LOOKUP.value() == 1


@pytest.mark.parametrize("n", [1, 2])
def test_background(background, n):
    while not background:
        time.sleep(0.01)
    assert background == [1]


def test_copied():
    copy = types.FunctionType(core.copied.__code__.replace(co_name="copy"), {})
    assert copy() == 1


def test_fork():
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=lambda: queue.put(core.in_child()))
    child.start()
    child.join()
    assert queue.get() == 1


def test_dataclass():
    assert core.Data().value == 1


def test_subclass_hook():
    assert core.Known.names == ["name"]


def test_managed():
    with core.managed() as value:
        assert value == 1


def test_dispatched():
    assert core.dispatched(5) == 1


def test_exported():
    assert zoo.exported == 1


def test_profile():
    import cProfile

    assert cProfile.Profile


class TestMethods:
    def setup_method(self):
        self.value = core.for_method()

    def test_method(self):
        assert self.value == 1


@pytest.mark.parametrize("n", [1])
def test_parameter(n):
    assert n < 3


class TestUnit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.value = core.for_class()

    def test_first(self):
        self.assertEqual(self.value, 1)

    def test_second(self):
        self.assertEqual(self.value, 1)


def test_warning():
    warnings.warn("old", FutureWarning, stacklevel=1)


@pytest.mark.xfail(reason="known")
def test_expected_failure():
    assert core.plain() == 3


def test_always_failing():
    assert core.plain() == 4
""",
}


@dataclass(frozen=True)
class Change:
    """A change: texts replaced, files written (``None`` deletes), variables set; ``flips`` names a test it flips."""

    name: str
    flips: str
    replace: tuple[tuple[str, str, str], ...] = ()
    write: dict[str, str | None] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def apply(self, root: Path) -> None:
        for path, old, new in self.replace:
            text = (root / path).read_text(encoding="utf-8")
            assert old in text
            (root / path).write_text(text.replace(old, new, 1), encoding="utf-8")
        for path, content in self.write.items():
            place = root / path
            if content is None:
                place.unlink()
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(content, encoding="utf-8")


CORE, TESTS, CONF = "src/zoo/core.py", "tests/test_zoo.py", "tests/conftest.py"


def _body(name: str, flips: str, *, header: str = "():\n    return 1", new: str = "():\n    return 9") -> Change:
    return Change(f"body of {name}", flips, ((CORE, f"def {name}{header}", f"def {name}{new}"),))


CHANGES = (
    _body("plain", "test_plain"),
    _body("inner", "test_outer", header="():\n        return 1", new="():\n        return 9"),
    Change("default", "test_default", ((CORE, "value=1", "value=9"),)),
    Change("annotation", "test_annotation", ((CORE, "-> int", "-> str"),)),
    Change("docstring", "test_docstring", ((CORE, "Say one.", "Say two."),)),
    Change("module constant", "test_constant", ((CORE, "LIMIT = 1", "LIMIT = 9"),)),
    Change("dict constant", "test_table", ((CORE, '{"key": 1}', '{"key": 9}'),)),
    _body("helper_at_import", "test_computed"),
    Change("decorator body", "test_decorated", ((CORE, "bonus = 1", "bonus = 9"),)),
    Change("body under a decorator", "test_decorated", ((CORE, "return 0", "return 9"),)),
    Change("class attribute", "test_class_attribute", ((CORE, "size = 1", "size = 9"),)),
    Change(
        "new override",
        "test_mro",
        ((CORE, "class Middle(Left):\n    pass", "class Middle(Left):\n    def name(self):\n        return 'mine'"),),
    ),
    Change("new base in the MRO", "test_mro", ((CORE, "class Middle(Left)", "class Middle(Left, Right)"),)),
    Change(
        "property", "test_members", ((CORE, "def prop(self):\n        return 1", "def prop(self):\n        return 9"),)
    ),
    Change(
        "static method", "test_members", ((CORE, "def static():\n        return 1", "def static():\n        return 9"),)
    ),
    Change(
        "class method",
        "test_members",
        ((CORE, "def klass(cls):\n        return 1", "def klass(cls):\n        return 9"),),
    ),
    _body("deep", "test_cached"),
    _body("deep_lazy", "test_lazy"),
    _body("deep_memo", "test_memo"),
    _body("deep_default", "test_memo_default"),
    _body("deep_property", "test_shared_property"),
    _body("deep_self", "test_guarded"),
    _body("deep_class", "test_class_memo"),
    _body("threaded", "test_thread"),
    _body("asynchronous", "test_async"),
    _body("for_session", "test_session"),
    _body("for_module", "test_module_setup"),
    _body("for_class", "TestUnit"),
    _body("dynamic_fixture_value", "test_by_name"),
    Change("resumed generator", "test_generator[2]", ((CORE, "yield helper_of_generator()", "yield 9"),)),
    _body("helper_of_generator", "test_generator[2]", header="():\n    return 2"),
    Change("data file", "test_data_file", write={"data/words.txt": "beta\n"}),
    Change("data file deleted", "test_data_file", write={"data/words.txt": None}),
    Change("data file read at import", "test_at_import", write={"data/import.txt": "two\n"}),
    Change("data file in a memo", "test_memo_file", write={"data/memo.txt": "two\n"}),
    Change("data file in a session fixture", "test_session_file", write={"data/session.txt": "two\n"}),
    Change("file that was absent", "test_absent_file", write={"data/absent.txt": "here\n"}),
    Change("directory entry", "test_directory", write={"data/many/b.txt": "b\n"}),
    Change("template compiled once", "test_template", ((("data/program.tmpl", "'one'", "'two'")),)),
    Change("variable", "test_variable", variables={"ZOO_SIZE": "large"}),
    Change("variable read at import", "test_colour", variables={"ZOO_COLOUR": "blue"}),
    Change("any variable", "test_any_variable", variables={"ZOO_ANY_X": "1"}),
    Change(
        "code of a subprocess", "test_process", ((CORE, "def plain():\n    return 1", "def plain():\n    return 8"),)
    ),
    Change("source reader", "test_source", ((CORE, "def plain():\n    return 1", "def plain():\n    return  1"),)),
    Change(
        "second reader of a line", "test_line", (("src/zoo/registry.py", "ENTRIES = {}\n", "# new\nENTRIES = {}\n"),)
    ),
    Change("fixture body", "test_local", ((CONF, "def local():\n    return 1", "def local():\n    return 9"),)),
    Change(
        "new autouse fixture",
        "test_variable",
        (
            (
                CONF,
                "import pytest\n",
                (
                    "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef auto(monkeypatch):\n"
                    "    monkeypatch.setenv('ZOO_SIZE', 'large')\n"
                ),
            ),
        ),
    ),
    Change(
        "new conftest",
        "tests/sub/test_sub.py::test_sub",
        write={
            "tests/sub/conftest.py": "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef auto(monkeypatch):\n"
            "    monkeypatch.setenv('ZOO_AUTO', '1')\n"
        },
    ),
    Change(
        "ini",
        "test_warning",
        (("pyproject.toml", "xfail_strict = false", "filterwarnings = ['error::FutureWarning']"),),
    ),
    Change("star import", "test_star", (("src/zoo/star.py", "STAR = 1", "STAR = 9"),)),
    Change("lambda", "test_lambda", (("src/zoo/lambdas.py", "lambda: 1", "lambda: 9"),)),
    Change(
        "registry addition",
        "test_registry_size",
        (
            (
                "src/zoo/lambdas.py",
                "register('one', lambda: 1)",
                "register('one', lambda: 1)\nregister('two', lambda: 2)",
            ),
        ),
    ),
    Change("new optional module", "test_optional", write={"src/zoo/extra.py": "VALUE = 1\n"}),
    Change("module getattr", "test_module_getattr", (("src/zoo/attribute.py", "return 1", "return 9"),)),
    Change("dynamic constant", "test_dynamic_again", (("src/zoo/plug_one.py", "VALUE = 1", "VALUE = 9"),)),
    Change("dynamic function", "test_dynamic_function", (("src/zoo/plug_one.py", "return 1", "return 9"),)),
    Change("dynamic other", "test_dynamic_other", (("src/zoo/plug_two.py", "VALUE = 2", "VALUE = 9"),)),
    Change("deleted dynamic module", "test_dynamic_other", write={"src/zoo/plug_two.py": None}),
    Change("raw import", "test_raw_import", (("src/zoo/raw.py", "VALUE = 1", "VALUE = 9"),)),
    Change("import inside a function", "test_late_import", (("src/zoo/late_import.py", "VALUE = 1", "VALUE = 9"),)),
    Change("patched by name", "test_patched_by_name", (("src/zoo/target.py", "def call()", "def called()"),)),
    Change("shadowing package", "test_simple", write={"src/zoo/simple/__init__.py": "WHERE = 'package'\n"}),
    Change("test body", "test_plain", ((TESTS, "assert core.plain() == 1", "assert core.plain() == 2"),)),
    Change("new parameter", "test_parameter[7]", ((TESTS, 'parametrize("n", [1])', 'parametrize("n", [1, 7])'),)),
    Change("new test", "test_new", ((TESTS, "def test_plain", "def test_new():\n    assert 0\n\n\ndef test_plain"),)),
    Change(
        "new test file",
        "tests/test_more.py::test_more",
        write={"tests/test_more.py": "def test_more():\n    assert 0\n"},
    ),
    Change(
        "mended function", "test_always_failing", ((CORE, "def plain():\n    return 1", "def plain():\n    return 4"),)
    ),
    Change("path that appears", "test_exists", write={"data/flag": ""}),
    Change("path that vanishes", "test_is_file", write={"data/other/kept.txt": None}),
    Change("directory that appears", "test_is_directory", write={"data/folder/x.txt": ""}),
    Change("size of a file", "test_size_of_file", write={"data/size.txt": "fifth"}),
    Change("file by a relative name", "test_relative[place1]", write={"data/words.txt": "beta\n"}),
    Change("resource", "test_resource", write={"src/zoo/resource.txt": "two\n"}),
    Change("package data", "test_package_data", write={"src/zoo/resource.txt": "two\n"}),
    Change("ignored module", "test_local_version", write={"src/zoo/local_version.py": "VERSION = 2\n"}),
    Change("new ignored module", "test_local_settings", write={"src/zoo/local_settings.py": "X = 2\n"}),
    _body("deep_load", "test_loaded[2]"),
    _body("deep_reified", "test_reified[2]"),
    _body("deep_missing", "test_filled[2]"),
    _body("deep_hasattr", "test_lookup[2]"),
    _body("in_background", "test_background[2]"),
    _body("copied", "test_copied"),
    _body("in_child", "test_fork"),
    Change("dataclass default", "test_dataclass", ((CORE, "value: int = 1\n", "value: int = 9\n"),)),
    _body("name_of", "test_subclass_hook", header='(cls):\n    return "name"', new='(cls):\n    return "other"'),
    Change("context manager", "test_managed", ((CORE, "def managed():\n    yield 1", "def managed():\n    yield 9"),)),
    _body("_", "test_dispatched", header="(value: int):\n    return 1", new="(value: int):\n    return 9"),
    Change(
        "export of the package",
        "test_exported",
        (("src/zoo/__init__.py", "zoo.star import STAR", "zoo.raw import __name__"),),
    ),
    Change("module in another's place", "test_profile", write={"src/profile.py": "raise ImportError\n"}),
    _body("for_method", "test_method"),
    Change("new package mark", "test_sub.py::test_name", write={"tests/sub/__init__.py": ""}),
    Change("deleted module", "", write={"src/zoo/star.py": None}),
)
"""The last kind breaks collection: the run is red whatever is skipped."""

QUIET = (
    Change("comment", "", ((CORE, "LIMIT = 1", "# a comment\nLIMIT = 1"),)),
    Change("blank lines", "", ((CORE, "LIMIT = 1", "\n\n\nLIMIT = 1"),)),
    Change("layout", "", ((CORE, '{"key": 1}', '{\n    "key": 1,\n}'),)),
    Change("untouched document", "", write={"README.md": "words\n"}),
)
"""Changes that select nothing but readers of sources, failures, and tests that start processes."""
