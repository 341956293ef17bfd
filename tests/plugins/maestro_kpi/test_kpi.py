from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

import maestro_kpi
from maestro_hooks.cli import main
from maestro_hooks.evidence.leaf import parse_leaf
from maestro_hooks.evidence.leaf_writer import leaf_bytes
from maestro_hooks.evidence.obligation import Obligation, Verdict
from maestro_hooks.evidence.record import EvidenceRef, Producer, Record, record_of
from maestro_hooks.testing import assert_plugin_contract
from maestro_kpi import board as board_module
from maestro_kpi.history import Bundle, Event, History, Release, read_history
from maestro_kpi.measures import Measure, board

if TYPE_CHECKING:
    import pytest

    from tests.support.git_repository import GitRepository

PRODUCER = Producer("x", "1", "h")


def record(key: str, value: object, **fields: object) -> Record:
    return record_of(Obligation(key=key, value=value, **fields), producer=PRODUCER, inputs="0" * 64)  # type: ignore[arg-type]


def event(time: int, key: str, value: object, **meta: object) -> Event:
    return Event(time=time, record=record(key, value), meta=meta)


def measured(history: History) -> dict[str, Measure]:
    return {measure.name: measure for measure in board(history)}


def test_the_plugin_keeps_the_contract() -> None:
    assert_plugin_contract(maestro_kpi)


def test_what_nobody_recorded_is_not_measured_and_misses_nothing() -> None:
    found = measured(History())
    assert len(found) == 8
    assert {m.latest for m in found.values()} == {None}
    assert {m.met for m in found.values()} == {None}
    shown = "\n".join(board_module.lines(tuple(found.values()), ()))
    assert shown.count("not measured") == 16
    assert "  0.0 %" not in shown
    assert board_module.payload(tuple(found.values()), ())["ok"] is True


def test_releases_and_log_come_from_the_verifier() -> None:
    good = Bundle(name="a", verdict="pass", steps={"log-inclusion": "pass"}, artifacts=("a.whl",))
    bad = Bundle(name="b", verdict="fail", steps={"log-inclusion": "fail"}, artifacts=("b.whl",))
    none = Bundle(name="c", verdict="pass", steps={"log-inclusion": "not-required"}, artifacts=())
    found = measured(History(bundles=(good, bad, none), artifacts=("a.whl", "b.whl", "c.whl")))
    assert found["releases with evidence"].latest == Fraction(1, 3)
    assert found["log verifications"].latest == Fraction(1, 2)
    assert found["releases with evidence"].met is False
    assert measured(History(bundles=(none,)))["log verifications"].latest is None


def test_policy_score_and_overrides_come_from_sealed_leaves() -> None:
    waived = Record(key="x/y", verdict=Verdict.WAIVED, producer=PRODUCER, inputs="0" * 64, text="t")
    leaves = tuple(
        parse_leaf(leaf_bytes(r, salt=bytes(16)))
        for r in (record("policy/mutation-score", Fraction(99, 100), scale=10_000), waived)
    )
    found = measured(History(releases=(Release(time=5, name="a 1", leaves=leaves),)))
    assert found["policy mutation"].points == ((5, Fraction(99, 100)),)
    assert found["policy mutation"].met is True
    assert found["reviewer overrides"].latest == Fraction(1, 2)
    assert found["reviewer overrides"].met is None


def test_time_saved_uses_the_last_known_duration_of_what_was_skipped() -> None:
    def run(time: int, durations: str, skips: str) -> Event:
        made = record("pytest/deselected_by_maestro", 0)
        made = Record(
            **{f: getattr(made, f) for f in Record.__struct_fields__} | {"evidence": (EvidenceRef("skips", skips),)}
        )
        return Event(time=time, record=made, meta={"durations": durations})

    blobs = {"d1": [["a", 30], ["b", 70]], "s1": [], "d2": [["b", 70]], "s2": [["a", "bloom", "unchanged"]]}
    found = measured(History(events=(run(1, "d1", "s1"), run(2, "d2", "s2")), blobs=blobs))
    assert found["test time saved"].points == ((1, Fraction(0)), (2, Fraction(30, 100)))
    gone = measured(History(events=(run(1, "lost", "lost"),), blobs={}))
    assert gone["test time saved"].latest is None


def test_cache_fix_and_reproduction_come_from_the_ledger() -> None:
    events = (
        event(1, "cas/origin/build", "run"),
        event(1, "cas/origin/docs", "local"),
        event(1, "taint/fixes-refused", 1),
        event(1, "taint/fixes", 7),
        event(2, "repro/time-ms", 1500),
    )
    found = measured(History(events=events))
    assert found["cache reuse"].latest == Fraction(1, 2)
    assert found["fix success"].latest == Fraction(7, 8)
    assert (found["time to reproduce"].latest, found["time to reproduce"].unit) == (Fraction(3, 2), "s")


def test_values_are_cut_and_never_rounded_up() -> None:
    assert board_module.shown(Fraction(99999, 100000), "%") == "99.9 %"
    assert board_module.shown(Fraction(1), "%") == "100.0 %"
    assert board_module.shown(None, "%") == "not measured"


def test_the_page_holds_plots_and_loads_nothing() -> None:
    points = tuple((1_760_000_000 + i * 86_400, Fraction(i, 10)) for i in range(8))
    measure = Measure(name="<b>x</b>", target=Fraction(1, 2), unit="%", how="records", points=points)
    flat = Measure(name="flat", target=None, unit="s", how="records", points=((1, Fraction(2)), (2, Fraction(2))))
    made = board_module.html_page((measure, flat), ("lost: <i>",), title="</title>")
    assert made.count("<svg") == 2
    assert made.count("<circle") == 10
    assert "<b>x" not in made
    assert "default-src 'none'" in made
    assert "http://" not in made
    assert "https://" not in made
    assert "<script" not in made


def test_the_command_on_an_empty_repository(repository: GitRepository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.commit({"a.py": "x = 1\n"})
    assert main(["kpi", "--json", "-C", str(repository.root)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {kpi["measured"] for kpi in told["kpis"]} == {None}
    assert main(["kpi", "--html", "-C", str(repository.root)]) == 0
    assert "not measured" in capsys.readouterr().out


def test_a_bundle_that_is_none_and_a_damaged_seal_are_told(repository: GitRepository) -> None:
    dist = repository.root / "dist"
    dist.mkdir()
    (dist / "x-1.sigstore.json").write_text("{}", encoding="utf-8")
    (repository.root / ".maestro" / "sealed" / ("ab" * 32)).mkdir(parents=True)
    history = read_history(repository.root, dist)
    assert [b.verdict for b in history.bundles] == ["fail"]
    assert len(history.unread) == 1
