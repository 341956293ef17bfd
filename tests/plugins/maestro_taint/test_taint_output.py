"""What users and other tools read: SARIF, annotations, comments, the baseline, ``explain``, a project's own models."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from maestro_hooks.evidence import sarif
from maestro_taint.rules import catalogue
from maestro_taint.settings import TaintSettings
from tests.plugins.maestro_taint.analysing import findings
from tests.plugins.maestro_taint.test_taint_gate import check

TWO_STEPS = """import sqlite3
from flask import request
def f():
    name = request.args["q"]
    query = "SELECT id FROM users WHERE name = '" + name + "'"
    return sqlite3.connect("d").execute(query)
"""
PROJECT = """[tool.maestro.taint]
models = ["taint.yaml"]
"""
MODELS = """version: 1
sources: [{id: feed, call: mylib.read_feed, kind: untrusted}]
sinks: [{id: shell, call: mylib.run_shell, args: [0], kind: command}]
sanitizers: [{call: mylib.clean, clears: [command]}]
"""


def maestro(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "maestro_hooks", *words]
    place = Path(sys.executable).with_name("maestro")
    return subprocess.run([str(place), *words] if place.exists() else command, cwd=root, capture_output=True, text=True,
                          check=False, timeout=120)  # fmt: skip


def repository(root: Path, **files: str) -> Path:
    for name, text in files.items():
        (root / name.replace("__", ".")).write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    return root


def log(files: dict[str, str]) -> dict[str, object]:
    return sarif.sarif_log(findings(files), tool="maestro-taint", version="1", rules=catalogue())


def test_sarif_holds_under_the_schemas_own_model_and_reads_in_sarif_tools(tmp_path: Path) -> None:
    model = pytest.importorskip("pydantic_sarif.model")
    loader = pytest.importorskip("sarif.loader")
    made = log({"app.py": TWO_STEPS})
    parsed: list[Any] = [
        c for c in vars(model).values() if isinstance(c, type) and "StaticAnalysisResults" in c.__name__
    ]
    assert parsed, "the model generated from the SARIF schema has a root class"
    parsed[0].model_validate(made)
    with pytest.raises(ValueError, match="unknown"):
        parsed[0].model_validate({**made, "unknown": 1})
    place = tmp_path / "a.sarif"
    place.write_bytes(sarif.encode(made))
    read = loader.load_sarif_file(str(place))
    assert read.get_result_count() == 1
    record = read.get_records()[0]
    assert (record["Location"], record["Line"]) == ("app.py", 6)


def test_sarif_shows_the_flow_from_source_to_sink() -> None:
    run = log({"app.py": TWO_STEPS})["runs"][0]  # type: ignore[index]
    steps = run["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]
    lines = [s["location"]["physicalLocation"]["region"]["startLine"] for s in steps]
    assert lines[0] == 4
    assert lines[-1] == 6
    assert lines == sorted(lines)
    assert all(s["location"]["message"]["text"] for s in steps)


def test_a_fingerprint_outlives_moved_and_reformatted_code() -> None:
    def prints(text: str) -> list[str]:
        return [f.fingerprint for f in findings({"app.py": text})]

    assert prints(TWO_STEPS) == prints(
        "# a comment\n\nX = 1\n" + TWO_STEPS.replace("execute(query)", "execute(\n        query\n    )")
    )
    assert prints(TWO_STEPS) != prints(TWO_STEPS.replace("def f", "def g"))


def test_annotations_name_file_line_and_rule() -> None:
    lines = sarif.github_annotations(findings({"app.py": TWO_STEPS}))
    assert lines[0].startswith("::error file=app.py,line=6,col=12,title=taint-sql::SQL injection")


MANY_LINES = "import os\nfrom flask import request\nos.system(\n    'ls '\n    + request.args['q']\n)"


@pytest.mark.parametrize(
    ("text", "flows", "wrong"),
    [
        (MANY_LINES + "  # maestro: ignore[taint-command] only an operator reaches this\n", 0, 0),
        (MANY_LINES.replace("'ls '", "'ls '  # maestro: ignore[taint-command] an operator's") + "\n", 0, 0),
        ("# maestro: ignore[taint-command] above it\n" + MANY_LINES + "\n", 1, 1),
        (MANY_LINES + "  # nosec B605\n", 0, 0),
        (MANY_LINES + "  # nosec B608\n", 1, 0),
        (MANY_LINES + "  # nosec\n", 1, 0),
        ("x = 1  # maestro: ignore[taint-command] nothing here\n", 0, 1),
    ],
)
def test_comments_on_a_statement(tmp_path: Path, text: str, flows: int, wrong: int) -> None:
    found = check(tmp_path, {"a.py": text})
    assert (found["taint/flows"].value, found["taint/suppressions-wrong"].value) == (flows, wrong)


def test_a_comment_holds_to_its_last_day_and_no_longer(tmp_path: Path) -> None:
    today = dt.datetime.now(tz=dt.UTC).date()
    for day, flows in ((today, 0), (today - dt.timedelta(days=1), 1)):
        text = MANY_LINES + f"  # maestro: ignore[taint-command] soon gone, until {day.isoformat()}\n"
        assert check(tmp_path, {"a.py": text})["taint/flows"].value == flows


def test_a_user_adds_a_source_a_sink_and_a_sanitizer_in_yaml(tmp_path: Path) -> None:
    text = "import mylib\nmylib.run_shell(mylib.read_feed())\nmylib.run_shell(mylib.clean(mylib.read_feed()))\n"
    root = repository(tmp_path, app__py=text, taint__yaml=MODELS, pyproject__toml=PROJECT)
    done = maestro(root, "check", "--only", "taint", "--jsonl", "app.py")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    blocking = [(r["line"], r["rule"], r["kind"], r["cwe"]) for r in rows if r["level"] == "error"]
    assert blocking == [(2, "taint-command", "command", 78)], done.stdout + done.stderr
    assert {"file", "line", "rule", "kind", "cwe", "confidence", "source", "sink", "trace"} <= set(rows[0])
    (root / "taint.yaml").write_text(MODELS.replace("command}", "comand}"), encoding="utf-8")
    wrong = maestro(root, "check", "--only", "taint", "app.py")
    assert "comand" in wrong.stdout + wrong.stderr
    assert wrong.returncode != 0


def test_explain_shows_the_lines_the_repair_and_the_way_to_accept(tmp_path: Path) -> None:
    root = repository(tmp_path, app__py=TWO_STEPS)
    row = json.loads(maestro(root, "check", "--only", "taint", "--jsonl", "app.py").stdout.splitlines()[0])
    done = maestro(root, "taint", "explain", row["fingerprint"])
    assert done.returncode == 0, done.stderr
    for words in (
        'name = request.args["q"]',
        "return sqlite3",
        "repair: verified",
        "+    return",
        "ignore[taint-sql]",
        "CWE-89",
    ):
        assert words in done.stdout
    assert (root / "app.py").read_text(encoding="utf-8") == TWO_STEPS
    assert maestro(root, "taint", "explain", "nonsense").returncode == 2


def test_terminal_output_shows_each_step_with_its_line(tmp_path: Path) -> None:
    root = repository(tmp_path, app__py=TWO_STEPS)
    lines = maestro(root, "check", "--only", "taint", "app.py").stdout.splitlines()
    assert lines[0].startswith("app.py:6:12: taint-sql SQL injection")
    assert '      | name = request.args["q"]' in lines
    assert "    repair in app.py:5:" in lines
    assert any(line.startswith("    next: maestro taint fix ") for line in lines)


def test_the_obligations_say_what_was_not_followed(tmp_path: Path) -> None:
    found = check(tmp_path, {"a.py": "def f(:\n", "b.py": "x = 1\n"}, settings=TaintSettings())
    assert (found["taint/unanalysed"].value, found["taint/unanalysed"].max) == (1, 0)
    assert len(str(found["taint/models"].value)) == 64
    assert {"taint/flows", "taint/suppressed", "taint/pii-leaks", "taint/secret-leaks", "taint/bandit"} <= set(found)


def test_files_in_no_repository_are_checked_shown_and_repaired(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(TWO_STEPS, encoding="utf-8")
    shown = maestro(tmp_path, "check", "--only", "taint", "app.py")
    assert shown.returncode == 1, shown.stderr
    assert '      | name = request.args["q"]' in shown.stdout.splitlines()
    assert maestro(tmp_path, "check", "--only", "taint", "--fix", "app.py").returncode == 1
    assert "name = ?" in (tmp_path / "app.py").read_text(encoding="utf-8")
    assert maestro(tmp_path, "check", "--only", "taint", "app.py").returncode == 0
    assert [p.name for p in tmp_path.iterdir()] == ["app.py"]


ACCEPTED = """import os
from flask import request
def f():
    os.system("ls " + request.args["q"])  # maestro: ignore[taint-command] an operator's
def g():
    os.popen("ls " + request.args["q"])
"""
MULTITOOL = Path(__file__).parents[2] / "engines/sarif/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"


def exported(root: Path, *words: str) -> dict[str, Any]:
    """The one run of the SARIF file a check writes."""
    maestro(root, "check", "--only", "taint", "--sarif", "out.sarif", *words)
    run: dict[str, Any] = json.loads((root / "out.sarif").read_text(encoding="utf-8"))["runs"][0]
    return run


def with_fixes(text: str, result: dict[str, Any]) -> str:
    """A text with a result's replacements made, as any SARIF viewer would."""
    lines = text.split("\n")
    (change,) = result["fixes"][0]["artifactChanges"]
    for one in reversed(change["replacements"]):
        at, new = one["deletedRegion"], one["insertedContent"]["text"]
        head, tail = (
            lines[at["startLine"] - 1][: at["startColumn"] - 1],
            lines[at["endLine"] - 1][at["endColumn"] - 1 :],
        )
        lines[at["startLine"] - 1 : at["endLine"]] = [head + new + tail]
    return "\n".join(lines)


def test_sarif_carries_the_very_repair_that_fix_makes(tmp_path: Path) -> None:
    root = repository(tmp_path, app__py=TWO_STEPS)
    (result,) = exported(root, "app.py")["results"]
    assert maestro(root, "taint", "fix").returncode == 0
    assert with_fixes(TWO_STEPS, result) == (root / "app.py").read_text(encoding="utf-8")
    assert exported(root, "app.py")["results"] == []


def test_sarif_tells_what_is_accepted_and_why(tmp_path: Path) -> None:
    root = repository(tmp_path, app__py=ACCEPTED)
    first = {
        r["locations"][0]["physicalLocation"]["region"]["startLine"]: r for r in exported(root, "app.py")["results"]
    }
    assert first[4]["suppressions"] == [{"kind": "inSource", "status": "accepted", "justification": "an operator's"}]
    assert first[6]["suppressions"] == [], "in one run every result says so, or none"
    assert maestro(root, "taint", "baseline", "--owner", "me", "--reason", "old").returncode == 0
    second = {
        r["locations"][0]["physicalLocation"]["region"]["startLine"]: r for r in exported(root, "app.py")["results"]
    }
    assert second[6]["suppressions"][0] == {"kind": "external", "status": "accepted", "justification": "old (owner me)"}
    shown = maestro(root, "check", "--only", "taint", "app.py")
    assert shown.returncode == 0
    assert "taint-command" not in shown.stdout
    assert maestro(root, "check", "--only", "taint", "--github", "app.py").stdout.strip() == ""
    rows = [
        json.loads(line) for line in maestro(root, "check", "--only", "taint", "--jsonl", "app.py").stdout.splitlines()
    ]
    assert {(r["line"], r["level"], r["suppressed"]["kind"]) for r in rows} == {
        (4, "note", "inSource"),
        (6, "note", "external"),
    }


@pytest.mark.slow
@pytest.mark.engine("npm")
def test_the_formats_own_validator_has_no_complaint(tmp_path: Path) -> None:
    if not MULTITOOL.exists():
        pytest.skip("run 'npm ci --ignore-scripts' in tests/engines/sarif")
    MULTITOOL.chmod(0o755)
    root = repository(tmp_path, app__py=ACCEPTED + TWO_STEPS, bad__py="def f(:\n")
    run = exported(root, "app.py", "bad.py")
    assert any("fixes" in r for r in run["results"])
    assert any(r["suppressions"] for r in run["results"])
    assert run["invocations"][0]["executionSuccessful"] is False
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    done = subprocess.run(
        [str(MULTITOOL), "validate", "out.sarif"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Analysis completed successfully" in done.stdout, done.stdout + done.stderr
    assert not [line for line in done.stdout.splitlines() if ": warning" in line or ": error" in line]


def test_a_baseline_knows_flows_whose_code_moved_and_no_others(tmp_path: Path) -> None:
    root = repository(tmp_path, app__py=TWO_STEPS)
    expires = (dt.datetime.now(tz=dt.UTC).date() + dt.timedelta(days=9)).isoformat()
    words = ("--owner", "me", "--reason", "old", "--expires", expires)
    assert maestro(root, "taint", "baseline", *words).returncode == 0

    def blocked(*paths: str) -> int:
        return maestro(root, "check", "--only", "taint", *paths).returncode

    assert blocked() == 0
    copy = TWO_STEPS.replace("def f", "def other")
    (root / "copy.py").write_text(copy, encoding="utf-8")
    assert blocked() == 1, "a copy is new"
    assert blocked("copy.py") == 1, "also where the old one is not looked at"
    (root / "app.py").unlink()
    assert blocked() == 0, "now it has moved"
    assert blocked("copy.py") == 0
    (root / "copy.py").write_text(copy + copy.split("request\n")[1].replace("other", "third"), encoding="utf-8")
    assert blocked() == 1, "one entry accepts one flow"
    (root / "copy.py").write_text(copy, encoding="utf-8")
    assert maestro(root, "taint", "baseline", "--owner", "else", "--reason", "new").returncode == 0
    held = json.loads((root / ".maestro-taint-baseline.json").read_text(encoding="utf-8"))["entries"]
    assert [(e["owner"], e["reason"], e["file"], e["expires"]) for e in held] == [("me", "old", "copy.py", expires)]
    place = root / ".maestro-taint-baseline.json"
    place.write_text(place.read_text(encoding="utf-8").replace(expires, "2001-01-01"), encoding="utf-8")
    assert blocked() == 1, "past its day"


def test_a_context_outlives_a_move_and_a_new_name() -> None:
    def contexts(path: str, text: str) -> list[object]:
        return [f.properties["context"] for f in findings({path: text})]

    first = contexts("app.py", TWO_STEPS)
    assert first == contexts("pkg/other.py", "# moved\n\n" + TWO_STEPS.replace("def f", "def g"))
    assert first != contexts("app.py", TWO_STEPS.replace('args["q"]', 'cookies["q"]'))


STORE = "import os\n\n\ndef run(line):\n    return os.popen(line).read(){comment}\n"
CALLER = (
    "from flask import request\nfrom store import run\n\n\ndef users():\n    return run('ls ' + request.args['q'])\n"
)


def test_a_flow_that_ends_in_a_file_not_asked_about_is_found_where_it_begins(tmp_path: Path) -> None:
    """A commit that calls an old function with new data brings the flow, not the function."""
    root = repository(tmp_path, app__py=CALLER, store__py=STORE.format(comment=""), else__py="x = 1\n")
    done = maestro(root, "check", "--only", "taint", "app.py")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "store.py:5:12: taint-command" in done.stdout
    assert "+ return run('ls ' + shlex.quote(request.args['q']))" in done.stdout
    assert maestro(root, "check", "--only", "taint", "else.py").returncode == 0
    accepted = STORE.format(comment="  # maestro: ignore[taint-command] operators only")
    (root / "store.py").write_text(accepted, encoding="utf-8")
    assert maestro(root, "check", "--only", "taint", "app.py").returncode == 0
    (root / "store.py").write_text(STORE.format(comment=""), encoding="utf-8")
    assert maestro(root, "check", "--only", "taint", "--fix", "app.py").returncode == 1
    assert "shlex.quote" in (root / "app.py").read_text(encoding="utf-8")
    assert maestro(root, "check", "--only", "taint", "app.py").returncode == 0
