from __future__ import annotations

import hashlib
import json
import logging
import re
import subprocess
import sys
import tokenize
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.errors import ConfigError, ToolError
from maestro_hooks.requests import SourceFile
from maestro_reports import bandit_gate, bandit_run, maestro_check
from maestro_reports.settings import ReportsSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_hooks.evidence.obligation import Finding, Obligation
    from tests.plugins.maestro_reports.conftest import Ask, Write

LOW = ReportsSettings(bandit_level="low")
SHELL = "import subprocess\n\n\ndef go(x):\n    subprocess.call(x, shell=True)\n"
NEWER = 'import subprocess\nd = {"k": 1}\nsubprocess.call(f"ls {d["k"]}", shell=True)\n'  # PEP 701


def claims(found: Iterable[Obligation]) -> dict[str, Obligation]:
    return {o.key: o for o in found}


def brief(findings: Iterable[Finding]) -> list[tuple[str, str, int]]:
    return [(f.at.path, f.rule, f.at.line) for f in findings]


def test_known_issues_are_found_with_weakness_and_place(write: Write, ask: Ask) -> None:
    found = claims(maestro_check(ask(write({"a.py": SHELL}))))
    issues = found["bandit/issues"]
    assert (issues.value, issues.max, issues.files) == (1, 0, ("a.py",))
    finding = issues.findings[0]
    assert (finding.rule, finding.cwe, finding.level) == ("B602", 78, "error")
    assert (finding.at.path, finding.at.line, finding.at.end_line) == ("a.py", 5, 5)
    assert found["bandit/below-level"].value == 1  # B404, the import
    assert (found["bandit/unparsed"].value, found["bandit/files"].value) == (0, 1)


def test_level_and_confidence_bound_what_counts(write: Write, ask: Ask) -> None:
    root = write({"a.py": SHELL})
    assert claims(maestro_check(ask(root, LOW)))["bandit/issues"].value == 2
    strict = ReportsSettings(bandit_level="high", bandit_confidence="high", bandit_skips=("B602",))
    assert claims(maestro_check(ask(root, strict)))["bandit/issues"].value == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"def broken(:\n", "invalid syntax"),
        (b"x = 1\n\0\n", "null bytes"),
        (b"\xff\xfe = 1\n", "codec can't decode|invalid|non-UTF-8"),
        (b"# coding: no-such\nx = 1\n", "unknown encoding"),
        (b"x = " + b"a+" * 20_000 + b"a\n", "analysed"),
        (b"if True:\nx = 1\n", "indent"),
        (b"x = " + b"a+" * 1500 + b"a\n", r"exception while scanning file \(Python .* parses it\)"),
    ],
    ids=["syntax", "null", "bytes", "encoding", "deep", "indent", "too deep for Bandit alone"],
)
def test_a_file_bandit_skips_is_an_unmet_obligation(
    content: bytes, words: str, write: Write, ask: Ask, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(partial(sys.setrecursionlimit, sys.getrecursionlimit()))
    sys.setrecursionlimit(1000)  # others in this process may have raised it, and Bandit would go deeper
    found = claims(maestro_check(ask(write({"bad.py": content, "good.py": SHELL}))))
    unparsed = found["bandit/unparsed"]
    assert (unparsed.value, unparsed.max) == (1, 0)
    assert unparsed.findings[0].at.path == "bad.py"
    assert unparsed.findings[0].message.startswith("not analysed: ")
    assert re.search(words, unparsed.findings[0].message)
    assert found["bandit/issues"].value == 1  # the other file was still analysed
    run = json.loads(found["bandit/issues"].attachments[0].data)["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is False


def test_syntax_newer_than_the_interpreter_is_never_silence(write: Write, ask: Ask) -> None:
    found = claims(maestro_check(ask(write({"app.py": NEWER}))))
    if sys.version_info >= (3, 12):
        assert (found["bandit/issues"].value, found["bandit/unparsed"].value) == (1, 0)
    else:
        assert (found["bandit/issues"].value, found["bandit/unparsed"].value) == (0, 1)
        assert found["bandit/unparsed"].findings[0].at.line == 3


def test_a_check_that_crashes_inside_bandit_is_reported(
    write: Write, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bandit.plugins import exec as exec_plugin  # type: ignore[import-untyped]

    def crash(**_: object) -> None:
        raise RuntimeError("broken check")

    monkeypatch.setattr(exec_plugin, "exec_issue", crash)
    found = claims(maestro_check(ask(write({"a.py": "x = 1\n\nexec(x)\n"}))))
    assert (found["bandit/unparsed"].value, found["bandit/issues"].value) == (1, 0)
    finding = found["bandit/unparsed"].findings[0]
    assert (finding.at.line, finding.message) == (3, "not analysed: the check exec_used crashed")


def test_suppressed_results_are_recorded(write: Write, ask: Ask) -> None:
    lines = "x = input()\nexec(x)  # nosec\neval(x)  # nosec B307\neval(x)  # nosec B101\n"
    found = claims(maestro_check(ask(write({"a.py": lines}))))
    assert (found["bandit/suppressed"].value, found["bandit/suppressed"].max) == (2, None)
    assert found["bandit/suppressed"].findings[0].at.path == "a.py"
    assert brief(found["bandit/issues"].findings) == [("a.py", "B307", 4)]


def test_asserts_count_except_in_test_files(write: Write, ask: Ask) -> None:
    files = ["src/a.py", "tests/x.py", "pkg/tests/deep/y.py", "src/test_a.py", "src/latest_a.py", "conftest.py"]
    root = write(dict.fromkeys(files, "assert 1\nassert 2\n"))
    counted = claims(maestro_check(ask(root, LOW)))["bandit/issues"].findings
    assert {f.at.path for f in counted} == {"src/a.py", "src/latest_a.py"}
    everything = ReportsSettings(bandit_level="low", bandit_test_skips=())
    assert claims(maestro_check(ask(root, everything)))["bandit/issues"].value == 2 * len(files)


def test_excluded_files_are_not_claimed(write: Write, ask: Ask) -> None:
    root = write({"a.py": SHELL, "vendor/b.py": SHELL})
    issues = claims(maestro_check(ask(root, ReportsSettings(bandit_exclude=("vendor/*",)))))["bandit/issues"]
    assert issues.files == ("a.py",)


def test_no_python_file_no_claim(write: Write, ask: Ask) -> None:
    assert list(maestro_check(ask(write({"a.txt": "x"})))) == []
    assert list(maestro_check(ask(write({"a.py": SHELL}), ReportsSettings(bandit=False)))) == []


@pytest.mark.parametrize("skips", [{"bandit_skips": ("B999",)}, {"bandit_test_skips": ("B999",)}])
def test_an_unknown_test_id_is_a_configuration_error(skips: dict[str, tuple[str, ...]], write: Write, ask: Ask) -> None:
    root = write({"a.py": SHELL, "test_a.py": SHELL})
    skipping = ReportsSettings(**skips)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Bandit has no test B999"):
        list(maestro_check(ask(root, skipping)))


def test_no_test_left_is_a_configuration_error(write: Write, ask: Ask) -> None:
    every = tuple(f"B{number:03d}" for number in range(1000) if bandit_run.known(f"B{number:03d}"))
    with pytest.raises(ConfigError, match="no Bandit test is left"):
        list(maestro_check(ask(write({"a.py": SHELL}), ReportsSettings(bandit_skips=every))))


def test_a_file_that_changed_meanwhile_is_an_error(write: Write, ask: Ask) -> None:
    request = ask(write({"a.py": SHELL}))
    request.files[0].place.write_text(SHELL + "exec(x)\n")
    with pytest.raises(ToolError, match="changed while it was being checked"):
        list(maestro_check(request))


COLUMNS = 'é = "😀"; exec(é)\nimport subprocess\nsubprocess.run(\n    é,\n    shell=True,\n)\n'


@pytest.mark.parametrize(
    "data",
    [COLUMNS.encode(), b"\xef\xbb\xbf" + COLUMNS.encode(), COLUMNS.replace("\n", "\r\n").encode()],
    ids=["utf-8", "bom", "crlf"],
)
def test_columns_count_code_points(data: bytes, write: Write, ask: Ask) -> None:
    found = claims(maestro_check(ask(write({"a.py": data}))))["bandit/issues"].findings
    first, second = (f.at for f in found)
    assert (first.line, first.column, first.end_line, first.end_column) == (1, 10, 1, 17)
    # Bandit names the line of the shell argument but the column of the call: no column is better than a wrong one.
    assert (second.line, second.column, second.end_line, second.end_column) == (5, 0, 6, 0)


def test_columns_of_other_encodings(write: Write, ask: Ask) -> None:
    data = "# coding: latin-1\né = 1; exec(é)\n".encode("latin-1")
    at = claims(maestro_check(ask(write({"a.py": data}))))["bandit/issues"].findings[0].at
    assert (at.line, at.column, at.end_column) == (2, 8, 15)


def test_bandit_leaves_no_trace(write: Write, ask: Ask, capfd: pytest.CaptureFixture[str]) -> None:
    escape = "x = '\\d'\n"  # warns while it is parsed; warnings are errors in this run
    files = {f"m{i}.py": escape + SHELL for i in range(60)} | {"bad.py": "(", "odd.py": "x = 1  # nosec: no reason\n"}
    before = (warnings.formatwarning, logging.getLogger("bandit").level, logging.getLogger("bandit").handlers[:])
    found = claims(maestro_check(ask(write(files))))
    assert before == (warnings.formatwarning, logging.getLogger("bandit").level, logging.getLogger("bandit").handlers)
    assert (found["bandit/issues"].value, found["bandit/unparsed"].value) == (60, 1)
    assert capfd.readouterr() == ("", "")


def test_a_relative_root_is_the_same_root(write: Write, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write({"pkg/a.py": SHELL, "bad.py": "("})
    absolute = list(maestro_check(ask(root)))
    monkeypatch.chdir(root)
    assert list(maestro_check(ask(Path()))) == absolute


def test_an_interrupt_stays_an_interrupt(write: Write, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_readline: object) -> None:
        raise KeyboardInterrupt

    request = ask(write({"a.py": SHELL}))
    list(maestro_check(request))
    monkeypatch.setattr(tokenize, "tokenize", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(maestro_check(request))


def test_the_answer_is_the_same_every_time(write: Write, ask: Ask) -> None:
    root = write({"b.py": SHELL, "a.py": COLUMNS, "tests/c.py": SHELL})
    assert list(maestro_check(ask(root, LOW))) == list(maestro_check(ask(root, LOW)))


CORPUS = {
    "a.py": SHELL,
    "pkg/__init__.py": "",
    "pkg/hashes.py": "import hashlib\nhashlib.md5(b'')\nhashlib.sha1(b'', usedforsecurity=False)\n",
    "pkg/sql.py": "def q(c, x):\n    c.execute(\n        \"SELECT a FROM t WHERE b = '%s'\"\n        % x\n    )\n",
    "pkg/misc.py": "import pickle, yaml, random\nPASSWORD = 'hunter2'\nyaml.load(open('/tmp/x'))\nrandom.random()\n"
    "try:\n    pickle.loads(b'')\nexcept Exception:\n    pass\nassert PASSWORD  # nosec\n",
    "pkg/bidi.py": "x = 'a\u202eb'\n",
    "pkg/bad.py": "def (:\n",
    "tests/test_a.py": "def test(): assert True\n",
}


def test_the_gate_agrees_with_bandits_own_command(write: Write, ask: Ask) -> None:
    root = write(CORPUS)
    command = [sys.executable, "-m", "bandit", "-q", "-f", "json", "-r", "."]
    done = subprocess.run(command, cwd=root, capture_output=True, check=False, text=True)
    theirs = json.loads(done.stdout)
    every = ReportsSettings(bandit_level="low", bandit_test_skips=())
    found = claims(maestro_check(ask(root, every)))
    expected = sorted((r["filename"][2:], r["test_id"], r["line_number"]) for r in theirs["results"])
    assert len(expected) > 12
    assert sorted(brief(found["bandit/issues"].findings)) == expected
    assert [f.at.path for f in found["bandit/unparsed"].findings] == [e["filename"][2:] for e in theirs["errors"]]
    totals = theirs["metrics"]["_totals"]
    assert found["bandit/suppressed"].value == totals["nosec"] + totals["skipped_tests"] == 1


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.text(max_size=40), st.integers(0, 41))
def test_columns_are_code_points_for_any_text(line: str, position: int) -> None:
    position = min(position, len(line))
    text = line.encode("utf-8", "ignore").decode()
    position = min(position, len(text))
    assert bandit_gate._column(text, len(text[:position].encode())) == position + 1


ENCODINGS = ["utf-8", "latin-1", "utf-8-sig", "utf8-x", "utf-16", "cp1252", "rot13", "hex", "utf-7", "idna", "x" * 300]


@settings(max_examples=80, derandomize=True, deadline=None)
@given(data=st.binary(max_size=30) | st.sampled_from(ENCODINGS).map(lambda name: f"# coding: {name}".encode()))
def test_any_bytes_are_analysed_or_named(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.getbasetemp() / "any.py"
    content = data + b"\nexec(x)\n"
    place.write_bytes(content)
    file = SourceFile("any.py", place, hashlib.sha256(content).hexdigest())
    found = claims(bandit_gate.check([file], ReportsSettings()))
    rules = {f.rule for f in found["bandit/issues"].findings}
    assert "B102" in rules or found["bandit/unparsed"].value == 1 or found["bandit/suppressed"].value


def test_an_offset_outside_the_line_is_no_column() -> None:
    assert (bandit_gate._column("ab", 3), bandit_gate._column("ab", -1)) == (0, 0)


def test_module_imports_nothing_heavy() -> None:
    code = "import sys, maestro_reports; print({'bandit', 'yaml', 'xml.parsers.expat', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "set()"
