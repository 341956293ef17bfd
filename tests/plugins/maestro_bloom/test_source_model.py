from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from maestro_bloom.imports_of import imports
from maestro_bloom.model_cache import Models
from maestro_bloom.source_model import model_of
from maestro_bloom.source_parts import OWN, PLAIN, SEGMENT, WHOLE_TEST

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = '''
"""Doc."""
X = 1


@deco
def f(a=1):
    """Say."""
    def g():
        return 2
    return g


class C:
    y = 1

    def m(self):
        return 1
'''


def blocks(source: str) -> dict[str, bytes]:
    return {f"{b.qualname}#{b.n}": b.digest for b in model_of(source.encode()).blocks}


def changed(old: str, new: str) -> tuple[bool, set[str]]:
    edited = SOURCE.replace(old, new, 1)
    assert edited != SOURCE
    before, after = blocks(SOURCE), blocks(edited)
    skeleton = model_of(SOURCE.encode()).skeleton != model_of(edited.encode()).skeleton
    return skeleton, {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}


def test_blocks_have_names_and_order() -> None:
    assert list(blocks(SOURCE)) == ["f#0", "f.<locals>.g#0", "C.m#0"]


@pytest.mark.parametrize(
    ("old", "new", "skeleton", "names"),
    [
        ("return 2", "return 3", False, {"f.<locals>.g#0"}),
        ("return g", "return g()", False, {"f#0"}),
        ("a=1", "a=2", True, set()),
        ("def g()", "def g(x=1)", False, {"f#0"}),
        ("Say.", "Tell.", True, set()),
        ("X = 1", "X = 2", True, set()),
        ("@deco", "@other", True, set()),
        ("y = 1", "y = True", True, set()),
        ("return 1", "return 1  # why", False, set()),
        ("X = 1", "\n\n# c\nX = 1", False, set()),
        ("def m(self)", "def n(self)", True, {"C.m#0", "C.n#0"}),
    ],
)
def test_a_change_lands_where_it_belongs(old: str, new: str, skeleton: bool, names: set[str]) -> None:
    assert changed(old, new) == (skeleton, names)


def test_equal_names_are_counted() -> None:
    assert list(blocks("def f():\n    return 1\ndef f():\n    return 2\n")) == ["f#0", "f#1"]


@pytest.mark.parametrize("data", [b"def f(:", b"\xff\xfe", b"x = '\x00'"])
def test_what_does_not_parse_is_all_skeleton(data: bytes) -> None:
    model = model_of(data)
    assert model.wildcard
    assert not model.blocks
    assert model.skeleton != model_of(data + b" ").skeleton


WRITERS = {
    "global x\n    x = make()": SEGMENT,
    "TABLE[key] = make()": SEGMENT,
    "TABLE.setdefault(key, make())": SEGMENT,
    "t = TABLE\n    t[key] = make()": SEGMENT,
    "store[key] = make()": SEGMENT,
    "cls.found = make()": SEGMENT,
    "type(key).found = make()": SEGMENT,
    "if self.v is None:\n        self.v = make()": OWN,  # it may end with the object
    "if key not in self.t:\n        self.t[key] = make()": OWN,
    "if key not in self.a.t:\n        self.a.t[key] = make()": SEGMENT,
    "t = self.t\n    if key not in t:\n        t[key] = make()": SEGMENT,
    "if key not in self:\n        self[key] = make()": SEGMENT,
    "if self.v is None:\n        self.v = key.w = make()\n        TABLE[key] = 1": SEGMENT,
    "if key.v is None:\n        key.v = make()": SEGMENT,
    "if key not in self.__dict__:\n        self.__dict__[key] = make()": SEGMENT,
    "TABLE[key] = make()\n    yield 1": WHOLE_TEST,
    "own = {}\n    own[key] = make()": PLAIN,
    "own = make()\n    own.append(key)": PLAIN,
    "self.v = make()": PLAIN,
    "return TABLE[key]": PLAIN,
}


@pytest.mark.parametrize(("body", "kind"), WRITERS.items())
def test_functions_whose_effect_outlives_them_are_seen(body: str, kind: int) -> None:
    source = f"TABLE = {{}}\nx = None\n\ndef f(self, cls, key, store={{}}):\n    {body}\n"
    # The parameter named cls stands second, so it is shared only by its name in a class method.
    source = source.replace("self, cls", "cls, self") if "cls." in body else source
    model = model_of(source.encode())
    assert [b.writer for b in model.blocks] == [kind]


@pytest.mark.parametrize("line", ["@lru_cache", "@functools.cache", "@memoize(2)", "@cached_property"])
def test_memoised_functions_are_writers(line: str) -> None:
    assert model_of(f"{line}\ndef f():\n    return 1\n".encode()).blocks[0].writer == SEGMENT


def test_a_function_memoised_by_a_call_is_a_writer() -> None:
    assert model_of(b"def f():\n    return 1\ng = lru_cache(None)(f)\n").blocks[0].writer == SEGMENT


def test_imports_are_seen_at_any_depth() -> None:
    source = (
        "import a.b\nfrom c import d\nfrom . import e\nfrom ..f import *\n"
        "def g():\n    import h\n    import_module('i')\n    x = 'j.k'\n    __import__(x)\n"
    )
    found = imports(ast.parse(source))
    assert set(found.names) == {"a.b", "c", "c.d", ".", ".e", "..f", "h", "i"}
    assert found.strings == ("j.k",)
    assert found.wildcard


def test_the_first_run_keeps_its_models(tmp_path: Path) -> None:
    source = tmp_path / "m.py"
    source.write_text(SOURCE)
    models = Models(tmp_path / ".maestro" / "bloom")
    made = models.of("some-blob", source)
    models.save()
    source.unlink()
    again = Models(tmp_path / ".maestro" / "bloom").of("some-blob", source)
    assert again == made is not None
