"""Everything a policy file can be wrong in: refused with file, line and column, exit 2, and nothing let through."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.cli import main
from maestro_hooks.errors import ConfigError
from maestro_hooks.policy.document import Policy, read_policy
from maestro_hooks.policy.load import load_policy, read_layers
from maestro_hooks.policy.problems import problems
from maestro_hooks.policy.strict_yaml import read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.git_repository import GitRepository

HEAD = "version: 1\nrules:\n  - id: a\n    require: x/y\n"
WAIVER = HEAD + "waivers:\n  - key: x/y\n    owner: me\n    reason: why\n    expires: {}\n"

BAD = {
    "unknown field": (HEAD + "    limit: 3\n", "line 5, column 5", "unknown field `limit`"),
    "unknown field of the file": (HEAD + "rule: []\n", "line 5, column 1", "unknown field `rule`"),
    "wrong type": (HEAD + "    exempt: x\n", "line 5, column 5", "Expected `array`"),
    "number for text": (HEAD + "    why: 3\n", "line 5, column 5", "Expected `str`"),
    "contradiction in a rule": (HEAD + "    min: 2\n    max: 1\n", "line 3, column 5", "min 2 is above max 1"),
    "contradiction of two rules": (
        HEAD + "    min: 2\n  - {id: b, require: x/y, max: 1}\n",
        "line 6, column 5",
        "rules a and b contradict each other",
    ),
    "a bound that was begun and not written": (HEAD + "    max:\n", "line 5, column", "no value is written here"),
    "an expiry of nothing": (WAIVER.format("~"), "line 9, column 14", "no value is written here"),
    "a limit of null": ("max_waiver_days: null\n" + HEAD, "line 1, column 18", "no value is written here"),
    "anchor": ("version: 1\nrules: &a\n  - {id: a, require: x/y}\n", "line 2, column 8", "anchors and aliases"),
    "alias bomb": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "line 1, column 4", "anchors and aliases"),
    "merge key": ("version: 1\n<<: {rules: []}\n", "line 2", "unknown field"),
    "duplicate key": (HEAD + "    require: z/y\n", "line 5, column 5", "duplicate key 'require'"),
    "duplicate rule": (HEAD + "  - {id: a, require: z/y}\n", "line 5, column 6", "rule ids must be unique"),
    "tag": ("version: !!int '1'\n", "line 1, column 10", "tags are not allowed"),
    "octal": (HEAD + "    max: 010\n", "line 5, column 10", "no exact decimal"),
    "hexadecimal": (HEAD + "    max: 0x10\n", "line 5, column 10", "no exact decimal"),
    "sexagesimal": (HEAD + "    max: 1:30\n", "line 5, column 10", "no exact decimal"),
    "underscores": (HEAD + "    max: 1_000\n", "line 5, column 10", "no exact decimal"),
    "a number as a text": (HEAD + "    max: '3'\n", "line 5, column 5", "got `str`"),
    "a power of ten": (HEAD + "    max: 1e3\n", "line 5, column 10", "no exact decimal"),
    "true for a number": (HEAD + "    max: true\n", "line 5, column 5", "got `bool`"),
    "infinity": (HEAD + "    max: .inf\n", "line 5, column 10", "no exact decimal"),
    "not a number": (HEAD + "    max: .nan\n", "line 5, column 10", "no exact decimal"),
    "too fine": (HEAD + "    max: 0.0000000000001\n", "line 3", "12 of them after the point"),
    "too long": (HEAD + "    max: 12345678901234567890\n", "line 5, column 10", "at most 18 digits"),
    "two documents": (HEAD + "---\nversion: 1\n", "line 5", "more than one document"),
    "unclosed": ("version: [1\n", "", "not valid YAML"),
    "tab": ("version:\t1\n\trules: []\n", "", "not valid YAML"),
    "deep": ("[" * 5000, "line 1, column 34", "nested deeper"),
    "key that is a number": ("1: x\n", "line 1, column 1", "keys must be plain text"),
    "key that is a list": ("[a]: x\n", "line 1", "keys must be plain text"),
    "waiver without expiry": (
        HEAD + "waivers:\n  - {key: x/y, owner: me, reason: why}\n",
        "line 6",
        "missing required field `expires`",
    ),
    "waiver with a time zone": (WAIVER.format("2027-01-01T00:00:00+02:00"), "line 6", "without a time or a time zone"),
    "waiver with a week date": (WAIVER.format("2027-W01-1"), "line 6", "must be a date"),
    "waiver on no day": (WAIVER.format("2027-02-30"), "line 6", "must be a date"),
    "waiver on a compact date": (WAIVER.format("'20270101'"), "line 6", "must be a date"),
    "waiver of a pattern": (
        WAIVER.format("2027-01-01").replace("x/y\n    owner", "x/*\n    owner"),
        "line 6",
        "one key",
    ),
    "waiver that ends before it begins": (
        WAIVER.format("2027-01-01\n    since: 2027-02-01"),
        "line 6",
        "after it expires",
    ),
    "waiver that lasts too long": (
        "max_waiver_days: 30\n" + WAIVER.format("2027-03-01\n    since: 2027-01-01"),
        "line 10, column 5",
        "at most 30 days",
    ),
    "waiver without a beginning": ("max_waiver_days: 30\n" + WAIVER.format("2027-03-01"), "line 7", "says 'since'"),
    "contradiction of a pattern and a key": (
        HEAD + "    min: 2\n  - {id: b, require: 'x/*', max: 1}\n",
        "line 6, column 5",
        "rules a and b contradict each other: x/y cannot be >= 2 and <= 1",
    ),
    "contradiction under one condition": (
        HEAD + "    min: 2\n    when: {branch: m*}\n  - {id: b, require: x/y, max: 1, when: {branch: m*}}\n",
        "line 7, column 5",
        "contradict each other",
    ),
    "contradiction under two conditions that may both hold": (
        HEAD + "    min: 2\n    when: {branch: m*}\n  - {id: b, require: x/y, max: 1, when: {hazard: high}}\n",
        "line 7, column 5",
        "contradict each other",
    ),
    "contradiction of verdicts": (
        HEAD + "    accept: [met]\n  - {id: b, require: x/y, accept: [waived]}\n",
        "line 6, column 5",
        "cannot be both met and waived",
    ),
    "a key no obligation can have": (HEAD.replace("x/y", "pytest"), "line 3, column 5", "plugin/metric"),
    "a pattern no key can match": (HEAD.replace("x/y", "'/*'"), "line 3, column 5", "no key can match '/*'"),
    "an exemption of something else": (
        "version: 1\nrules:\n  - {id: a, require: x/*, exempt: [{key: 'y/*', why: no}]}\n",
        "line 3",
        "takes nothing from 'x/*'",
    ),
    "waiver of what is no key": (WAIVER.format("2027-01-01").replace("key: x/y", "key: xy"), "line 6", "plugin/metric"),
    "waiver for ever": (WAIVER.format("9999-12-31"), "line 6", "is no expiry"),
    "waiver for a lifetime": (WAIVER.format("2060-01-01\n    since: 2026-01-01"), "line 6", "at most 3660 days"),
    "exemption on one key": (HEAD + "    exempt: [{key: x/y, why: no}]\n", "line 3", "are for patterns"),
    "empty allowed on one key": (HEAD + "    allow_empty: true\n", "line 3", "are for patterns"),
    "exemption of everything": (
        "version: 1\nrules:\n  - {id: a, require: x/*, exempt: [{key: '*', why: no}]}\n",
        "line 3",
        "takes away all",
    ),
    "empty condition": (HEAD + "    when: {}\n", "line 5", "states no condition"),
    "unknown hazard": (HEAD + "    when: {hazard: mild}\n", "line 5, column 12", "Invalid enum value 'mild'"),
}


GOOD = {
    "bounds that meet": HEAD + "    min: 1\n  - {id: b, require: 'x/*', max: 1}\n",
    "a key that is exempt": HEAD + "    min: 2\n  - {id: b, require: 'x/*', max: 1, exempt: [{key: x/y*, why: w}]}\n",
    "a pattern that may match nothing": (
        "version: 1\nrules: [{id: a, require: 'x/*', min: 2, allow_empty: true}, {id: b, require: 'y/*', max: 1}]\n"
    ),
    "conditions that exclude each other": (
        HEAD
        + "    min: 2\n    when: {environment: ci}\n  - {id: b, require: x/y, max: 1, when: {environment: local}}\n"
    ),
    "advice": HEAD + "    min: 2\n  - {id: b, require: x/y, max: 1, severity: warn}\n",
    "patterns that only overlap": (
        "version: 1\nrules: [{id: a, require: 'x/*a', min: 2}, {id: b, require: 'x/b*', max: 1}]\n"
    ),
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_what_can_be_met_is_no_contradiction(text: str) -> None:
    read_policy(text.encode(), where="p")


@pytest.mark.parametrize(("text", "place", "words"), BAD.values(), ids=BAD)
def test_a_bad_policy_is_refused_with_its_place(text: str, place: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_policy(text.encode(), where="maestro-policy.yaml")
    assert str(caught.value).startswith("maestro-policy.yaml")
    assert place in caught.value.where + caught.value.what
    assert words in caught.value.what


@pytest.mark.parametrize(
    ("wrong", "right"), [("requires: x/y", "require"), ("exempts: []", "exempt"), ("wen: {}", "when"), ("zzz: 1", "")]
)
def test_an_unknown_field_is_told_with_its_nearest_neighbour(wrong: str, right: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_policy(f"{HEAD}    {wrong}\n".encode(), where="p")
    assert caught.value.fix == (f"did you mean '{right}'?" if right else "correct the file")


def test_sizes_and_encodings_are_bounded() -> None:
    for data in (b"#" * (1024 * 1024 + 1), b"\xff\xfe", HEAD.encode("utf-16")):
        with pytest.raises(ConfigError):
            read_policy(data, where="p")


def told(text: str, *, today: dt.date, keys: tuple[str, ...] = (), files: tuple[str, ...] = ()) -> list[str]:
    document = read_yaml(text.encode(), where="p")
    found = problems(document.convert(Policy), document, today=today, keys=keys, files=files)
    return [str(problem) for problem in found]


def test_waivers_out_of_their_time_are_problems_with_a_line() -> None:
    day = dt.date(2026, 11, 22)
    assert told(WAIVER.format("2026-11-22"), today=day) == []
    (expired,) = told(WAIVER.format("2026-11-21"), today=day)
    assert expired.startswith("p: line 6, column 5 (waivers[0].key): the waiver of x/y expired on 2026-11-21")
    (future,) = told(WAIVER.format("2026-12-31\n    since: 2026-11-23"), today=day)
    assert "begins in the future" in future
    (idle,) = told(WAIVER.format("2027-01-01").replace("key: x/y", "key: z/y"), today=day)
    assert "no rule speaks about z/y" in idle
    (endless,) = told(WAIVER.format("2050-01-01"), today=day)
    assert "that is no expiry" in endless
    (vain,) = told(WAIVER.format("2027-01-01").replace("x/y\nw", "x/y\n    accept: [met]\nw"), today=day)
    assert "no rule accepts a waiver of x/y" in vain


def test_a_condition_on_files_that_are_not_there_is_a_problem() -> None:
    text = HEAD + "    when: {files: 'scr/*'}\n"
    day = dt.date(2026, 11, 22)
    assert told(text, today=day) == []
    assert told(text, today=day, files=("scr/a.py",)) == []
    (never,) = told(text, today=day, files=("src/a.py",))
    assert never.startswith("p: line 3, column 5 (rules[0].id): rule a never applies here")


def test_a_pattern_that_matches_nothing_is_a_problem_unless_allowed() -> None:
    text = "version: 1\nrules:\n  - {id: a, require: taint/*}\n"
    day = dt.date(2026, 11, 22)
    assert told(text, today=day, keys=("taint/flows",)) == []
    assert told(text, today=day) == []  # nothing is recorded, so nothing is known
    (silent,) = told(text, today=day, keys=("bandit/issues",))
    assert silent.startswith("p: line 3")
    assert "matches nothing" in silent
    assert told(text.replace("/*}", "/*, allow_empty: true}"), today=day, keys=("bandit/issues",)) == []


def test_circles_and_strangers_among_layers_are_refused(tmp_path: Path) -> None:
    import hashlib

    def layer(name: str) -> str:
        digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        return f"extends:\n  - file: {name}\n    sha256: {digest}\n"

    (tmp_path / "top.yaml").write_text(HEAD + "extends:\n  - {file: top.yaml, sha256: '" + "0" * 64 + "'}\n")
    with pytest.raises(ConfigError, match="extends itself"):
        load_policy(tmp_path, "top.yaml")
    (tmp_path / "below.yaml").write_text(HEAD)
    (tmp_path / "top.yaml").write_text(HEAD.replace("id: a", "id: b") + layer("below.yaml"))
    assert [r.id for r in load_policy(tmp_path, "top.yaml").rules] == ["a", "b"]
    (tmp_path / "below.yaml").write_text(HEAD + "    severity: warn\n")
    with pytest.raises(ConfigError, match=r"not the pinned one: its SHA-256 is [0-9a-f]{64}") as caught:
        load_policy(tmp_path, "top.yaml")
    assert "line 6" in caught.value.where
    for path in ("/etc/passwd", "../up.yaml", "a\\b"):
        (tmp_path / "top.yaml").write_text(HEAD + f"extends:\n  - file: {path}\n    sha256: {'a' * 64}\n")
        with pytest.raises(ConfigError, match="outside the repository"):
            load_policy(tmp_path, "top.yaml")
    (tmp_path / "top.yaml").write_text(HEAD + f"extends:\n  - file: gone.yaml\n    sha256: {'a' * 64}\n")
    with pytest.raises(ConfigError, match="cannot read the layer"):
        load_policy(tmp_path, "top.yaml")


def test_an_undeclared_kind_of_author_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(HEAD + "    when: {author: bot}\n")
    with pytest.raises(ConfigError, match="no kind of author 'bot'"):
        read_layers(tmp_path, "p.yaml")


@pytest.mark.parametrize("action", ["check", "test", "mutate", "explain", "export"])
def test_the_command_line_lets_nothing_bad_through(
    repository: GitRepository, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit({"maestro-policy.yaml": BAD["unknown field"][0]})
    assert main(["policy", action, "-C", str(repository.root)]) == 2
    assert "maestro-policy.yaml: line 5, column 5" in capsys.readouterr().err
