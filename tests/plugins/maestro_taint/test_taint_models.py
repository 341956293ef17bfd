"""Models: strict reading, the short form, and a user's own source, sink and sanitizer without touching code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.errors import ConfigError
from maestro_taint.analysis import analyse
from maestro_taint.models.compile import compiled, decode, shipped
from maestro_taint.models.load import project_models
from maestro_taint.models.probes import silent
from maestro_taint.settings import TaintSettings

if TYPE_CHECKING:
    from pathlib import Path

OWN = b"""version: 1
sources: [{id: feed, call: mylib.feed, kind: untrusted}]
sinks: [{id: shell, call: mylib.shell, args: [0], kind: command}]
sanitizers: [{call: mylib.clean, clears: [command]}]
"""


def test_a_user_adds_a_source_a_sink_and_a_sanitizer() -> None:
    models = compiled([*shipped(), ("own.yaml", OWN)])
    bad = analyse([("a.py", b"import mylib\nmylib.shell(mylib.feed())\n")], models)
    good = analyse([("a.py", b"import mylib\nmylib.shell(mylib.clean(mylib.feed()))\n")], models)
    assert len(bad.solver.flows) == 1
    assert not good.solver.flows


def test_the_short_form_stands_for_native_entries() -> None:
    short = b"version: 1\nsources: [req.headers, req.body, 'env:SECRET']\nsinks: [fs.write, net.post, log.debug]\nsanitizers: [redactPII, hash, encrypt]\n"  # noqa: E501 - a program in one piece
    models = compiled([("short.yaml", short)])
    text = (
        b"import os, logging, requests\ns = os.environ['SECRET']\nlogging.debug(s)\nrequests.post('http://x', data=s)\n"
    )
    found = analyse([("a.py", text)], models).solver.flows
    assert sorted({site.position >> 12 for site, _ in found.values()}) == [3, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"version: 2\n", "version 2"),
        (b"- a\n", "mapping"),
        (b"version: 1\nsource: []\n", "source"),
        (b"version: 1\nsinks: [{id: x, call: a.b, args: [0], kind: nonsense}]\n", "unknown kind"),
        (b"version: 1\nsources: [{id: x, kind: nonsense, call: a.b}]\n", "unknown kind"),
        (b"version: 1\nsinks: [fs.wrote]\n", "unknown sink"),
        (b"version: 1\nsinks: [{id: x\n", "YAML"),
        (b"version: 1\nsinks: [{id: x, kind: sql, call: 3}]\n", "sinks"),
    ],
)
def test_a_wrong_model_file_is_an_error_with_its_place(text: bytes, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        compiled([("own.yaml", text)])
    assert "own.yaml" in str(caught.value)


def test_every_shipped_file_decodes_and_every_probe_speaks() -> None:
    for name, data in shipped():
        decode(name, data)
    checked, quiet = silent()
    assert checked > 300
    assert quiet == []


LIBRARY = """from other import helper
class Client:
    def __init__(self): self.session = None
    def ask(self, q): pass
class Child(Client): pass
if True:
    def read_feed(): pass
def run_shell(x): pass
"""


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("mylib.run_shell", ""),
        ("mylib.read_feed", ""),
        ("mylib.helper", ""),
        ("mylib.Client.ask", ""),
        ("mylib.Client.session", ""),
        ("mylib.Child.anything", ""),
        ("requests.get", ""),
        ("shutil.copytree", ""),
        ("wanted.thing", ""),
        ("mylib.run_shel", "mylib has no run_shel; did you mean run_shell?"),
        ("mylib.Client.aks", "mylib.Client has no aks; did you mean ask?"),
        ("mylb.run_shell", "no module mylb"),
        ("shutil.copytre", "shutil has no copytre; did you mean copytree?"),
    ],
)
def test_a_name_that_means_nothing_is_an_error(tmp_path: Path, name: str, wrong: str) -> None:
    """A misspelt name would find nothing, and nobody would know."""
    (tmp_path / "mylib.py").write_text(LIBRARY, encoding="utf-8")
    (tmp_path / "app.py").write_text("import wanted.thing\n", encoding="utf-8")
    text = f"version: 1\nsinks: [{{id: x, call: {name}, args: [0], kind: command}}]\n"
    (tmp_path / "taint.yaml").write_text(text, encoding="utf-8")
    settings = TaintSettings(models=("taint.yaml",))
    if not wrong:
        assert project_models(tmp_path, settings).digest
        return
    with pytest.raises(ConfigError, match=re.escape(wrong)) as caught:
        project_models(tmp_path, settings)
    assert "taint.yaml" in str(caught.value)
    (tmp_path / "taint.yaml").write_text(text.replace("id: x", "unchecked: true, id: x"), encoding="utf-8")
    assert project_models(tmp_path, settings).digest
