"""Bandit's flow-type results beside the flows: confirmed, cleared with the proof, or left open; gaps block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maestro_taint.bandit import flow_tests
from maestro_taint.bandit import join as joining
from maestro_taint.settings import TaintSettings
from tests.plugins.maestro_taint.test_taint_gate import check

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "import os, pickle, shlex, sqlite3, subprocess\nfrom flask import request\nimport cfg\ndef f(x):\n    "


def states(root: Path, line: str, settings: TaintSettings | None = None) -> dict[str, str]:
    """Test id to state of one line."""
    claims = check(root, {"a.py": HEAD + line + "\n"}, settings=settings)
    told = {}
    for claim in claims.values():
        for f in claim.findings:
            for test in f.properties.get("bandit", ()):  # type: ignore[attr-defined]
                told[test] = str(f.properties["bandit_state"])
                if f.properties["bandit_state"] == "CLEARED":
                    assert f.properties["reason"]
                    assert f.level == "note"
    return told


@pytest.mark.parametrize(
    ("line", "test", "state"),
    [
        ("os.system('ls ' + request.args['q'])", "B605", "CONFIRMED"),
        ("subprocess.run('ls ' + request.args['q'], shell=True)", "B602", "CONFIRMED"),
        ("pickle.loads(request.data)", "B301", "CONFIRMED"),
        ("eval(request.args['q'])", "B307", "CONFIRMED"),
        (
            "q = \"SELECT 1 FROM t WHERE a = '%s'\" % request.args['q']\n    sqlite3.connect('d').execute(q)",
            "B608",
            "CONFIRMED",
        ),
        ("os.system('ls -l')", "B605", "CLEARED"),
        ("subprocess.run('ls ' + '-l', shell=True)", "B602", "CLEARED"),
        ("subprocess.run(['ls', '-l'])", "B603", "CLEARED"),
        ("os.system('ls ' + shlex.quote(x))", "B605", "CLEARED"),
        ("sqlite3.connect('d').execute('SELECT 1 FROM t WHERE a = %d' % int(x))", "B608", "CLEARED"),
        ("os.system('ls ' + x)", "B605", "UNKNOWN"),
        ("os.system('ls \"' + shlex.quote(x) + '\"')", "B605", "UNKNOWN"),
        ("os.system(cfg.COMMAND)", "B605", "UNKNOWN"),
        ("os.system(open('commands').read())", "B605", "UNKNOWN"),
        ("os.system('ls' if x else x)", "B605", "UNKNOWN"),
        ("pickle.loads(x)", "B301", "UNKNOWN"),
    ],
)
def test_states(tmp_path: Path, line: str, test: str, state: str) -> None:
    assert states(tmp_path, line).get(test) == state


def test_tests_about_configuration_stay_bandits(tmp_path: Path) -> None:
    """A partial path and a weak hash are no matter of flow, however constant their arguments."""
    assert not {"B607", "B324", "B501", "B103"} & set(flow_tests.KINDS)
    assert set(states(tmp_path, "subprocess.run(['ls', '-l'])")) == {"B603"}


def test_what_bandit_skips_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from maestro_taint.bandit import running

    def skipping(places: list[str]) -> tuple[list[object], list[running.Skipped]]:
        return [], [running.Skipped(places[0], 0, "Bandit: syntax error")]

    monkeypatch.setattr(running, "run", skipping)
    claim = check(tmp_path, {"a.py": "import os\nos.system('ls')\n"})["taint/unanalysed"]
    assert (claim.value, claim.max) == (1, 0)
    assert "Bandit" in claim.findings[0].message


def test_bandit_is_not_loaded_for_files_without_a_trigger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maestro_taint.bandit.running.run", lambda _: pytest.fail("loaded"))
    assert check(tmp_path, {"a.py": "x = 1\n"})["taint/bandit"].value.startswith("joined")  # type: ignore[union-attr]


def test_whether_it_was_joined_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = {"a.py": "import os\nos.system('ls')\n", "b.py": "x = 1\n"}
    never = check(tmp_path, text, settings=TaintSettings(bandit="never"))
    assert str(never["taint/bandit"].value).startswith("not joined")
    monkeypatch.setattr(joining, "AUTO_FILES", 1)
    assert "more than 1" in str(check(tmp_path, text)["taint/bandit"].value)
    assert check(tmp_path, text, settings=TaintSettings(bandit="always"))["taint/bandit"].value == "joined"


def test_every_trigger_word_lets_its_own_test_through() -> None:
    """The words that decide whether Bandit is loaded cover what its flow tests report on."""
    lines = (
        "eval(x)", "exec(x)", "pickle.loads(x)", "marshal.load(x)", "yaml.load(x)", "subprocess.run(x)", "os.popen(x)",
        "os.system(x)", "mark_safe(x)", "Markup(x)", "xml.sax.parse(x)", "urllib.request.urlopen(x)", "q.extra(x)",
        "RawSQL(x)", "torch.load(x)", "'SELECT a FROM b WHERE c=' + x", "'insert into t values' + x",
    )  # fmt: skip
    assert [line for line in lines if not flow_tests.may_apply(line.encode())] == []


def test_results_are_kept_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bandit is asked once about the same bytes; a file changed, or moved by its content, is no stranger."""
    from maestro_taint.bandit import running

    (tmp_path / ".maestro").mkdir()
    asked: list[list[str]] = []
    run = running.run

    def counted(places: list[str]) -> object:
        asked.append([place.rpartition("/")[2] for place in places])
        return run(places)

    monkeypatch.setattr(running, "run", counted)
    one, two = "import os\nos.system('ls')\n", HEAD + "os.system(x)\n"
    first = check(tmp_path, {"a.py": one, "b.py": two})
    again = check(tmp_path, {"a.py": one, "b.py": two})
    for key in ("taint/bandit-cleared", "taint/bandit-unknown"):
        assert first[key].findings == again[key].findings
        assert first[key].value == 1
    moved = check(tmp_path, {"a.py": one + "x = 1\n", "c.py": two})
    assert [f.at.path for f in moved["taint/bandit-unknown"].findings] == ["c.py"]
    assert asked == [["a.py", "b.py"], ["a.py"]]


def test_a_file_bandit_did_not_finish_is_asked_about_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from maestro_taint.bandit import running

    (tmp_path / ".maestro").mkdir()
    monkeypatch.setattr(running, "run", lambda places: ([], [running.Skipped(places[0], 0, "Bandit: no")]))
    for _ in range(2):
        assert check(tmp_path, {"a.py": "import os\nos.system('ls')\n"})["taint/unanalysed"].value == 1


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("import hashlib; h = hashlib.md5(request.data)  # nosec B324", "taint-weak-hash"),
        ("import hashlib; h = hashlib.md5(request.data)  # nosec hashlib_insecure_functions", "taint-weak-hash"),
        ("import random; token = random.random()  # nosec: B311, B110", "taint-random"),
        ("os.system(request.args['q'])  # nosec start_process_with_a_shell  # and why", "taint-command"),
        ("import urllib.request as u; u.urlopen(request.args['q'])  # nosec B310", "taint-ssrf"),
        ("import tarfile; tarfile.open('x').extractall()  # nosec B202", "taint-archive"),
        ("import tempfile; n = tempfile.mktemp()  # nosec mktemp_q", "taint-temp-file"),
    ],
)
def test_nosec_silences_what_the_named_test_is_about_and_nothing_else(tmp_path: Path, line: str, rule: str) -> None:
    open_ = check(tmp_path, {"a.py": HEAD + line.partition("  #")[0] + "\n"})
    assert rule in {f.rule for key in ("taint/flows", "taint/notes") for f in open_[key].findings}
    said = check(tmp_path, {"a.py": HEAD + line + "\n"})
    assert rule in {f.rule for f in said["taint/suppressed"].findings}
    assert rule not in {f.rule for key in ("taint/flows", "taint/notes") for f in said[key].findings}
    other = check(tmp_path, {"a.py": HEAD + line.partition("  #")[0] + "  # nosec B999\n"})
    assert rule not in {f.rule for f in other["taint/suppressed"].findings}


def test_the_names_are_bandits_own() -> None:
    from bandit.core import extension_loader  # type: ignore[import-untyped]

    tests = extension_loader.MANAGER
    names = {plugin.name: rule for rule, plugin in tests.plugins_by_id.items()}
    names |= {entry["name"]: rule for rule, entry in tests.blacklist_by_id.items()}
    names |= {entry["name"].replace("-", "_"): rule for rule, entry in tests.blacklist_by_id.items()}
    assert {name: names.get(name) for name in flow_tests.NAMES} == flow_tests.NAMES
    assert set(flow_tests.NAMES.values()) == {*flow_tests.KINDS, *flow_tests.MISUSE}
