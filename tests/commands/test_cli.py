from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from maestro_hooks import __version__
from maestro_hooks.cli import COMMANDS, main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.git_repository import GitRepository


def maestro(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "maestro_hooks", *arguments]
    return subprocess.run(command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A directory for PYTHONPATH whose plugins crash on import, exit on import and misspell a hook."""
    site = tmp_path / "site"
    bodies = {
        "crash": "raise RuntimeError('boom')",
        "leave": "raise SystemExit(0)",
        "typo": "from maestro_hooks import hookimpl\nMAESTRO_API = 1\n@hookimpl\ndef maestro_chekc(request): ...\n",
    }
    for name, body in bodies.items():
        info = site / f"maestro_{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"maestro_{name}.py").write_text(body + "\n", encoding="utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: maestro-{name}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[maestro]\n{name} = maestro_{name}\n", encoding="utf-8")
    return site


def test_help_lists_every_verb_and_version_says_it(tmp_path: Path) -> None:
    shown = maestro("--help", cwd=tmp_path).stdout
    assert all(verb in shown for verb in COMMANDS)
    assert maestro("--version", cwd=tmp_path).stdout == f"maestro {__version__}\n"


@pytest.mark.parametrize("verb", sorted(COMMANDS))
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_help_and_version_import_no_plugin_and_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from maestro_hooks.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "bad = {'pluggy', 'msgspec', 'yaml', 'rich', 'cryptography', 'importlib.metadata', 'maestro_reports'}\n"
        "print(sorted(bad & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["config"], ["plugins"]])
def test_broken_plugins_take_nothing_down(broken: Path, repository: GitRepository, arguments: list[str]) -> None:
    done = maestro(*arguments, cwd=repository.root, PYTHONPATH=str(broken))
    assert done.returncode == (3 if arguments == ["plugins"] else 0), done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_plugins_names_each_broken_one_with_its_reason(broken: Path, repository: GitRepository) -> None:
    done = maestro("plugins", "--json", cwd=repository.root, PYTHONPATH=str(broken))
    listed = {p["name"]: p for p in json.loads(done.stdout)["plugins"]}
    assert {n: listed[n]["state"] for n in ("crash", "leave", "typo", "reports")} == {
        "crash": "broken",
        "leave": "broken",
        "typo": "broken",
        "reports": "loaded",
    }
    assert "RuntimeError: boom" in listed["crash"]["reason"]
    assert "did you mean maestro_check" in listed["typo"]["reason"]


def test_a_broken_plugin_may_have_been_a_gate_so_check_fails_closed(broken: Path, repository: GitRepository) -> None:
    repository.commit({"a.py": "x = 1\n"})
    done = maestro("check", "--json", cwd=repository.root, PYTHONPATH=str(broken))
    report = json.loads(done.stdout)
    assert done.returncode == 3
    assert not report["ok"]
    verdicts = {o["key"]: o["verdict"] for o in report["obligations"]}
    assert verdicts["crash/gate"] == "error"
    assert verdicts["reports/gate"] == "met"
    disabled = maestro("check", cwd=repository.root, PYTHONPATH=str(broken), MAESTRO_DISABLE="crash,leave,typo")
    assert disabled.returncode == 0, disabled.stdout


def test_unknown_verb_names_the_known_and_the_broken(broken: Path, repository: GitRepository) -> None:
    done = maestro("sael", cwd=repository.root, PYTHONPATH=str(broken))
    assert done.returncode == 2
    assert "no verb 'sael'" in done.stderr
    assert "plugin crash could not be loaded" in done.stderr


def test_errors_say_what_where_and_what_to_do(tmp_path: Path) -> None:
    done = maestro("check", cwd=tmp_path)
    assert done.returncode == 2
    assert "not a git repository" in done.stderr
    assert "to do: run 'git init'" in done.stderr
    as_json = maestro("check", "--json", cwd=tmp_path)
    assert json.loads(as_json.stdout)["error"]["class"] == "UsageError"


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_fault_of_its_own_is_exit_3_and_ready_for_an_issue(
    options: tuple[str, ...], repository: GitRepository, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def broken(arguments: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("maestro_hooks.commands.config.run", broken)
    assert main(["config", "-C", str(repository.root), *options]) == 3
    shown = capsys.readouterr()
    assert "Traceback" in shown.err
    assert f"maestro {__version__}, Python" in shown.err
    assert shown.err.splitlines()[-2] == "maestro: internal error: RuntimeError: unforeseen"
    if options:
        assert json.loads(shown.out)["error"]["class"] == "RuntimeError"


def test_wrong_configuration_is_exit_2_for_every_verb_that_reads_it(repository: GitRepository) -> None:
    repository.commit({"pyproject.toml": "[tool.maestro]\npolcy = 'x'\n"})
    for verb in (["check"], ["config"], ["plugins"], ["init"], ["policy"], ["seal"], ["run"]):
        done = maestro(*verb, cwd=repository.root)
        assert done.returncode == 2, verb
        assert "did you mean 'policy'" in done.stdout + done.stderr


def test_a_closed_pipe_is_no_error(repository: GitRepository) -> None:
    command = f"{sys.executable} -m maestro_hooks config --schema | head -n 1"
    done = subprocess.run(["bash", "-c", command], cwd=repository.root, capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize("verb", ["run", "seal"])
def test_without_policy_the_way_out_is_named(repository: GitRepository, verb: str) -> None:
    repository.commit({"a.py": "x = 1\n"})
    done = maestro(verb, cwd=repository.root)
    assert done.returncode == 2
    assert "maestro init" in done.stderr


def test_run_without_a_commit(repository: GitRepository) -> None:
    repository.write({"a.py": "x = 1\n"})
    assert maestro("init", cwd=repository.root).returncode == 0
    done = maestro("run", cwd=repository.root)
    assert done.returncode == 2
    assert "no commit yet" in done.stderr


def test_init_asks_nothing_and_overwrites_nothing(repository: GitRepository) -> None:
    repository.commit({"a.py": "x = 1\n"})
    assert "wrote maestro-policy.yaml" in maestro("init", cwd=repository.root).stdout
    text = "version: 1\nrules:\n  - {id: mine, require: bandit/issues}\n"
    repository.write({"maestro-policy.yaml": text})
    again = maestro("init", cwd=repository.root)
    assert "kept maestro-policy.yaml as it is" in again.stdout
    assert (repository.root / "maestro-policy.yaml").read_text(encoding="utf-8") == text


def test_check_finds_blocks_and_writes_sarif(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit(
        {"bad.py": "import subprocess\nsubprocess.call('ls ' + input(), shell=True)\n", "ok.py": "x = 1\n"}
    )
    done = maestro("check", "--sarif", str(tmp_path / "out.sarif"), cwd=repository.root)
    assert done.returncode == 1
    assert "bad.py:2" in done.stdout
    runs = json.loads((tmp_path / "out.sarif").read_bytes())["runs"]
    (run,) = (r for r in runs if r["tool"]["driver"]["name"] == "reports")
    assert "B602" in {r["ruleId"] for r in run["results"]}
    assert maestro("check", "ok.py", cwd=repository.root).returncode == 0
    assert "::error file=bad.py,line=2" in maestro("check", "--github", cwd=repository.root).stdout
    rows = [json.loads(x) for x in maestro("check", "--jsonl", "bad.py", cwd=repository.root).stdout.splitlines()]
    assert ("bad.py", 2, "B602") in {(r["file"], r["line"], r["rule"]) for r in rows}


def test_a_check_is_not_run_again_while_it_holds(repository: GitRepository) -> None:
    repository.commit({"a.py": "x = 1\n"})
    first = json.loads(maestro("check", "--json", cwd=repository.root).stdout)
    second = json.loads(maestro("check", "--json", cwd=repository.root).stdout)
    assert first["reused"] == []
    assert "reports" in second["reused"]
    assert first["obligations"] == second["obligations"]
    repository.write({"a.py": "eval(input())\n"})
    third = json.loads(maestro("check", "--json", cwd=repository.root).stdout)
    assert third["reused"] == []
    assert not third["ok"]


def test_check_counts_what_is_met_and_shows_what_is_not(repository: GitRepository) -> None:
    repository.commit({"a.py": "eval(input())\n"})
    shown = maestro("check", "--only", "reports", cwd=repository.root).stdout.splitlines()
    assert any(line.startswith("unmet  ") and "bandit/issues" in line for line in shown)
    assert not any("bandit/unparsed" in line for line in shown)
    assert shown[-1].startswith("met  ")
    assert "reports" in shown[-1]
    everything = maestro("check", "--only", "reports", "--all", cwd=repository.root).stdout.splitlines()
    rows = [line for line in everything if line.startswith("met ")]
    assert any("bandit/unparsed" in line for line in rows)
    assert shown[-1].split()[1] == str(len(rows))


@pytest.mark.parametrize("path", ["missing.py", "../outside.py", "ignored.log"])
def test_check_of_a_path_that_is_not_there(repository: GitRepository, path: str) -> None:
    repository.commit({"a.py": "x = 1\n", ".gitignore": "*.log\n"})
    repository.write({"ignored.log": ""})
    done = maestro("check", path, cwd=repository.root)
    assert done.returncode == 2
    assert path in done.stderr


def test_check_only_an_unknown_gate(repository: GitRepository) -> None:
    repository.commit({"a.py": "x = 1\n"})
    done = maestro("check", "--only", "nosuch", cwd=repository.root)
    assert done.returncode == 2
    assert "no such gate: nosuch" in done.stderr


def test_hook_is_quiet_when_clean_and_blocks_when_not(repository: GitRepository) -> None:
    repository.commit({"a.py": "x = 1\n", "b.py": "eval(input())\n"})
    clean = maestro("hook", "reports", "a.py", cwd=repository.root)
    assert (clean.returncode, clean.stdout) == (0, "")
    blocked = maestro("hook", "reports", "a.py", "b.py", cwd=repository.root)
    assert blocked.returncode == 1
    assert "b.py:1" in blocked.stdout


def test_policy_explains_itself(repository: GitRepository) -> None:
    repository.commit({"a.py": "x = 1\n"})
    maestro("init", cwd=repository.root)
    assert "tests-pass" in maestro("policy", cwd=repository.root).stdout
    exported = maestro("policy", "export", cwd=repository.root).stdout
    assert json.loads(exported)["schema"] == "maestro.policy/1"


def test_verify_survives_broken_plugins(broken: Path, tmp_path: Path) -> None:
    place = tmp_path / "x.sigstore.json"
    place.write_text("{}", encoding="utf-8")
    done = maestro("verify", str(place), cwd=tmp_path, PYTHONPATH=str(broken))
    assert done.returncode == 4
    assert "Traceback" not in done.stderr


def test_a_plugins_own_verb_loads_no_other_plugin(repository: GitRepository) -> None:
    code = (
        "import sys; from pathlib import Path; from maestro_hooks.commands.plugins import plugin_commands;"
        "commands, broken = plugin_commands(Path(), 'cas');"
        "print(*commands, *broken, *(m for m in ('maestro_bloom', 'maestro_zk', 'maestro_seal') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository.root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cas"]
    (repository.root / "maestro.toml").write_text('disable = ["cas"]\n')
    done = subprocess.run([sys.executable, "-c", code], cwd=repository.root, capture_output=True, text=True, check=True)
    assert "cas" not in done.stdout.split()
