"""Models: strict reading, the short form, and a user's own source, sink and sanitizer without touching code."""

from __future__ import annotations

import pytest

from maestro_hooks.errors import ConfigError
from maestro_taint.analysis import analyse
from maestro_taint.models.compile import compiled, decode, shipped
from maestro_taint.models.probes import silent

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
