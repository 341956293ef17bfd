"""The step ``zk`` of the core verifier: section, leaves and proof together."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

import maestro_zk
from maestro_hooks.evidence import canonical, leafset
from maestro_hooks.evidence.leaf import parse_leaf
from maestro_hooks.evidence.steps import Status, Step
from tests.evidence.shipment import detail, status
from tests.plugins.maestro_zk import releases
from tests.plugins.maestro_zk.releases import COVERAGE, FLAKES, LATENCY, MUTATION, Release

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return releases.seal(tmp_path_factory.mktemp("root"), demanded={COVERAGE: (Fraction(9, 10), None)})


def statement(body: dict[str, object], leaf_id: str, op: str | None = None) -> dict[str, Any]:
    statements = body["statements"]
    assert isinstance(statements, list)
    found: dict[str, Any] = next(s for s in statements if s["id"] == leaf_id and op in (None, s["op"]))
    return found


def test_an_honest_release_passes_every_step(release: Release) -> None:
    report = release.verify()
    assert report.verdict == "pass", report.steps
    words = detail(report, "zk")
    assert words.startswith("the value the signer committed to meets the bound: ")
    for claim in (
        f"{LATENCY} <= 50000",
        f"{COVERAGE} >= 9/10",
        f"{MUTATION} <= 1",
        f"{MUTATION} >= 3/5",
        f"{FLAKES} <= 1/100",
    ):
        assert claim in words


def test_the_published_files_hold_none_of_the_numbers(release: Release) -> None:
    published = release.payload() + b"".join(release.leaves.data)
    for number in (b'"9312"', b'"7000"', b'"1235"', b'"48001"', b'"1234"'):
        assert number not in published


def test_the_policy_makes_the_bound_stricter(release: Release) -> None:
    body: Any = release.sections["zk"]
    assert statement(body, COVERAGE)["threshold"] == "9000"
    metric = parse_leaf(release.leaves.data[release.leaves.index(COVERAGE)]).metrics["total"]
    assert (metric.min, metric.q, metric.round) == (9000, None, "floor")


def test_numbers_without_a_bound_are_hidden_and_need_no_statement(release: Release) -> None:
    metric = parse_leaf(release.leaves.data[release.leaves.index("size/wheel")]).metrics["wheel"]
    assert (metric.q, metric.min, metric.max) == (None, None, None)
    assert metric.commit is not None


TAMPERINGS: dict[str, Callable[[dict[str, Any]], object]] = {
    "threshold up": lambda b: statement(b, COVERAGE).update(threshold="9001"),
    "threshold down": lambda b: statement(b, COVERAGE).update(threshold="8999"),
    "flipped operator": lambda b: statement(b, FLAKES).update(op=">="),
    "other scale": lambda b: statement(b, COVERAGE).update(scale=1000),
    "other metric": lambda b: statement(b, COVERAGE).update(metric="lines"),
    "other id": lambda b: statement(b, LATENCY).update(id="bench/p96_us"),
    "other leaf": lambda b: statement(b, COVERAGE).update(leaf="0"),
    "leaf outside": lambda b: statement(b, COVERAGE).update(leaf="6"),
    "copied commitment": lambda b: statement(b, COVERAGE).update(commit=statement(b, FLAKES)["commit"]),
    "dropped statement": lambda b: b["statements"].pop(0),
    "doubled statement": lambda b: b["statements"].insert(0, b["statements"][0]),
    "unsorted": lambda b: b["statements"].reverse(),
    "no statement": lambda b: b["statements"].clear(),
    "seventeen statements": lambda b: b["statements"].extend([b["statements"][0]] * 12),
    "bits 64": lambda b: b.update(bits=64),
    "bits 16": lambda b: b.update(bits=16),
    "bits true": lambda b: b.update(bits=True),
    "other suite": lambda b: b.update(suite="plonk"),
    "proof not base64": lambda b: b.update(proof="?"),
    "proof empty": lambda b: b.update(proof=""),
    "proof of zeros": lambda b: b.update(proof=canonical.base64_encode(bytes(800))),
    "threshold with a plus": lambda b: statement(b, COVERAGE).update(threshold="+9000"),
    "threshold beyond 64 bits": lambda b: statement(b, COVERAGE).update(threshold=str(2**63)),
    "commitment in capitals": lambda b: statement(b, COVERAGE).update(commit=statement(b, COVERAGE)["commit"].upper()),
    "unknown member": lambda b: statement(b, COVERAGE).update(note="x"),
}


@pytest.mark.parametrize("name", list(TAMPERINGS))
def test_a_tampered_section_fails_at_zk(release: Release, name: str) -> None:
    report = release.with_section(TAMPERINGS[name])
    assert status(report, "zk") == "fail"
    assert report.verdict == "fail"
    assert report.first_failure in ("zk", "required")  # a changed threshold may also break the policy's demand


def test_swapped_commitments_fail_at_zk(release: Release) -> None:
    def swap(body: dict[str, Any]) -> None:
        one, other = statement(body, LATENCY), statement(body, FLAKES)
        one["commit"], other["commit"] = other["commit"], one["commit"]

    report = release.with_section(swap)
    assert (status(report, "zk"), report.first_failure) == ("fail", "zk")


def test_replay_into_another_manifest_fails_at_zk(release: Release, tmp_path: Path) -> None:
    """Same numbers, same bounds, other commitments, root and leaves: the old section proves nothing there."""
    other = releases.seal(tmp_path, demanded={COVERAGE: (Fraction(9, 10), None)})
    assert other.verify().verdict == "pass"
    replayed = other.verify(other.payload(sections=release.sections))
    assert (status(replayed, "zk"), replayed.first_failure) == ("fail", "zk")


def test_another_subject_or_tree_fails_at_zk(release: Release) -> None:
    report = release.verify(release.payload(subjects=releases.SUBJECTS[:1]))
    assert (status(report, "zk"), report.first_failure) == ("fail", "zk")
    pairs = [(i, d) for i, d in zip(release.leaves.ids, release.leaves.data, strict=True) if i != "size/wheel"]
    smaller = leafset.plant([i for i, _ in pairs], [d for _, d in pairs])
    cut = Release(smaller, release.sections, release.required)
    assert status(cut.verify(), "zk") == "fail"


def test_without_the_leaf_nothing_is_green(release: Release) -> None:
    report = release.verify(shown=["pytest/failed", COVERAGE, LATENCY, FLAKES])
    assert (status(report, "zk"), report.verdict, report.first_failure) == ("not-checked", "incomplete", "zk")
    assert MUTATION in detail(report, "zk")


def test_a_hidden_bound_without_any_section_fails(release: Release) -> None:
    report = releases.without(release, "zk").verify(shown=["pytest/failed", LATENCY])
    assert status(report, "zk") == "fail"
    assert "no zero-knowledge section" in detail(report, "zk")
    assert status(releases.without(release, "zk").verify(shown=["pytest/failed", "size/wheel"]), "zk") == "not-required"


def test_without_a_checker_nothing_is_green(release: Release) -> None:
    report = release.verify(real=False)
    assert (status(report, "zk"), report.verdict) == ("not-checked", "incomplete")


def crash(_: object) -> None:
    raise RuntimeError("boom")


def leave(_: object) -> None:
    raise SystemExit(0)


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        (crash, "boom"),
        (leave, "SystemExit"),
        (lambda _: [], "no answer"),
        (lambda _: ["pass"], "no answer"),
        (lambda _: [Step("signature", Status.PASS, "fine")], "no answer"),
    ],
)
def test_a_broken_checker_is_never_green(
    release: Release, monkeypatch: pytest.MonkeyPatch, hook: Callable[[object], object], words: str
) -> None:
    whole = maestro_zk.maestro_verify

    def replaced(request: object) -> object:
        return hook(request)

    for name in ("maestro_impl",):
        setattr(replaced, name, getattr(whole, name))
    monkeypatch.setattr(maestro_zk, "maestro_verify", replaced)
    report = release.verify()
    assert (status(report, "zk"), report.verdict) == ("not-checked", "incomplete")
    assert words in detail(report, "zk")


def test_a_plugin_that_does_not_load_is_never_green(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maestro_zk, "MAESTRO_API", 99)
    report = release.verify()
    assert (status(report, "zk"), report.verdict) == ("not-checked", "incomplete")
    monkeypatch.setattr("maestro_hooks.discovery.find_plugins", tuple)
    assert "no plugin named zk" in detail(release.verify(), "zk")


def test_a_statement_about_a_leaf_that_does_not_pass_fails(release: Release) -> None:
    index = release.leaves.index(LATENCY)
    data = list(release.leaves.data)
    data[index] = data[index].replace(b'"verdict":"pass"', b'"verdict":"warn"')
    report = Release(leafset.plant(release.leaves.ids, data), release.sections, release.required).verify()
    assert "verdict is warn" in detail(report, "zk")
