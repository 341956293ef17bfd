from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from maestro_hooks.errors import ExitCode
from maestro_hooks.evidence import steps
from maestro_hooks.evidence.bundle import sign_bundle
from maestro_hooks.evidence.disclosure import encode_disclosures
from maestro_hooks.evidence.obligation import Obligation, Verdict
from maestro_hooks.evidence.record import Record, record_of
from maestro_hooks.evidence.report import report_object
from maestro_hooks.evidence.steps import Status, Step
from maestro_hooks.evidence.trust import sign_trust
from tests.evidence.shipment import (
    INPUTS,
    NOW,
    OTHER_KEY,
    RELEASE_KEY,
    REQUIRED,
    ROOT_KEY,
    RULES,
    WAIVERS,
    YEAR,
    Shipment,
    detail,
    policy_bytes,
    private_key,
    producer,
    records,
    ship,
    status,
    trust_bytes,
    trust_document,
    trusted,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_hooks.evidence.leaf import Leaf
    from maestro_hooks.evidence.manifest import Manifest

LOG_STEPS = ("log-entry", "log-inclusion", "checkpoint", "witness", "freshness")
SBOM = {"digest": {"sha256": "d" * 64}, "mediaType": "application/vnd.cyclonedx+json"}
ZK = {"suite": "bulletproofs-ristretto255-merlin-v1", "bits": 32, "statements": [], "proof": ""}


def test_an_honest_release_passes_every_step_in_order() -> None:
    report = ship().verify()
    assert [s.step for s in report.steps] == list(steps.ORDER)
    assert {s.step for s in report.steps if s.status is Status.PASS} == {
        "parse",
        "signature",
        "subject",
        "required",
        "leaf",
    }
    assert (report.verdict, report.first_failure, report.exit_code) == ("pass", None, ExitCode.OK)


def test_log_steps_are_in_words_not_required_and_never_green() -> None:
    report = ship().verify()
    for step in LOG_STEPS:
        assert status(report, step) == "not-required"
        assert "not required by this trust file" in detail(report, step)


def test_a_bundle_without_the_log_entry_that_trust_demands_is_not_valid() -> None:
    report = ship(trust=trust_bytes(log="log.example")).verify()
    assert {status(report, step) for step in LOG_STEPS[1:]} == {"not-checked"}
    assert (report.verdict, report.first_failure, report.exit_code) == (
        "fail",
        "log-entry",
        ExitCode.EVIDENCE_INVALID,
    )


@pytest.mark.parametrize(
    ("missing", "step"),
    [({"trust": None}, "signature"), ({"policy": None}, "required"), ({"artifacts": []}, "subject")],
)
def test_a_missing_input_leaves_the_verdict_open(missing: dict[str, object], step: str) -> None:
    report = ship().verify(**missing)
    assert (report.verdict, report.first_failure) == ("incomplete", step)
    assert status(report, "leaf") == "pass"


def test_required_leaves_not_given_leave_the_verdict_open() -> None:
    report = ship().verify(leaves=[])
    assert status(report, "leaf") == "not-required"
    assert (report.verdict, report.first_failure) == ("incomplete", "required")
    assert "5 required leaves were not given" in detail(report, "required")


def test_the_report_is_the_object_of_the_specification() -> None:
    report = ship().verify()
    made = report_object(report)
    assert set(made) == {
        "schema",
        "ok",
        "verdict",
        "first_failure",
        "steps",
        "manifest",
        "disclosed",
        "statements",
        "witnesses",
        "engine",
    }
    assert made["schema"] == "maestro.verify/1"
    assert made["manifest"] == {
        "sha256": hashlib.sha256(ship().sealed.payload).hexdigest(),
        "name": "demo",
        "version": "1.0",
    }
    disclosed = made["disclosed"]
    assert isinstance(disclosed, list)
    assert [item["id"] for item in disclosed] == sorted(REQUIRED)
    coverage = next(item for item in disclosed if item["id"] == "reports/coverage")
    assert coverage["metrics"] == {"coverage": {"scale": 10_000, "round": "exact", "q": "9312", "min": "8000"}}


# --- signature -------------------------------------------------------------------------------------------------


def test_an_unknown_key_fails() -> None:
    report = ship(key=OTHER_KEY).verify()
    assert (report.verdict, report.first_failure) == ("fail", "signature")
    assert report.exit_code is ExitCode.EVIDENCE_INVALID


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"valid_to": NOW - timedelta(seconds=1)}, "expired at 2026-03-01T11:59:59Z"),
        ({"valid_from": NOW + timedelta(seconds=1)}, "valid only from"),
        ({"role": "witness"}, "is a witness key"),
        ({"max_index": 5}, "there is no log"),
    ],
)
def test_a_known_key_that_does_not_count_is_named(changes: dict[str, object], words: str) -> None:
    release = replace(trusted(RELEASE_KEY, "release-1", "release"), **changes)  # type: ignore[arg-type]
    keys = (trusted(ROOT_KEY, "root-1", "root"), release)
    report = ship(trust=trust_bytes(keys=keys)).verify()
    assert (report.verdict, report.first_failure) == ("fail", "signature")
    assert "release-1" in detail(report, "signature")
    assert words in detail(report, "signature")


def test_an_expired_or_unsigned_trust_file_fails() -> None:
    assert ship().verify(now=NOW + 2 * YEAR).first_failure == "signature"
    unsigned = sign_trust(trust_document(), [RELEASE_KEY])
    assert ship().verify(trust=unsigned).first_failure == "signature"


def two_signers() -> tuple[Shipment, bytes]:
    second = private_key(8)
    keys = (*trust_document().keys, trusted(second, "release-2", "release"))
    shipment = ship(trust=trust_bytes(keys=keys, thresholds={"root": 1, "release": 2}))
    return shipment, sign_bundle(shipment.sealed.payload, second)


def test_a_threshold_counts_distinct_keys_over_one_payload() -> None:
    shipment, second = two_signers()
    assert shipment.verify(bundles=[shipment.bundle, second]).verdict == "pass"
    assert shipment.verify(bundles=[second, shipment.bundle]).verdict == "pass"
    for bundles in ([shipment.bundle], [shipment.bundle, shipment.bundle]):
        report = shipment.verify(bundles=bundles)
        assert report.first_failure == "signature"
        assert "1 of the 2" in detail(report, "signature")


def test_bundles_over_different_payloads_do_not_add_up() -> None:
    shipment, _ = two_signers()
    other = ship(required=REQUIRED[:2]).bundle
    assert shipment.verify(bundles=[shipment.bundle, other]).first_failure == "parse"
    assert shipment.verify(bundles=[]).first_failure == "parse"


# --- subject ---------------------------------------------------------------------------------------------------


def test_another_file_is_no_subject() -> None:
    stranger = ("evil.whl", hashlib.sha256(b"evil").hexdigest())
    honest = ("demo.whl", hashlib.sha256(b"the bytes of a wheel").hexdigest())
    for artifacts in ([stranger], [honest, stranger]):
        report = ship().verify(artifacts=artifacts)
        assert (report.verdict, report.first_failure) == ("fail", "subject")
        assert "evil.whl" in detail(report, "subject")


# --- sections --------------------------------------------------------------------------------------------------


def test_an_sbom_is_compared_when_it_is_there() -> None:
    shipment = ship(sections={"sbom": SBOM})
    report = shipment.verify()
    assert (report.verdict, report.first_failure, status(report, "sbom")) == ("incomplete", "sbom", "not-checked")
    wheel = ("demo.whl", hashlib.sha256(b"the bytes of a wheel").hexdigest())
    assert shipment.verify(artifacts=[wheel, ("sbom.json", "d" * 64)]).verdict == "pass"
    assert status(shipment.verify(artifacts=[("sbom.json", "d" * 64)]), "subject") == "not-checked"


def test_a_zero_knowledge_section_needs_its_checker() -> None:
    shipment = ship(sections={"zk": ZK})
    assert status(shipment.verify(), "zk") == "not-checked"
    seen: list[tuple[int, int]] = []

    def checker(manifest: Manifest, leaves: Mapping[str, Leaf]) -> Sequence[Step]:
        seen.append((manifest.size, len(leaves)))
        return [Step("zk", Status.PASS, "fine")]

    assert shipment.verify(checkers={"zk": checker}).verdict == "pass"
    assert seen == [(12, 5)]
    report = shipment.verify(checkers={"zk": lambda *_: []})
    assert (report.verdict, status(report, "zk")) == ("incomplete", "not-checked")


# --- required --------------------------------------------------------------------------------------------------


def test_a_dropped_required_id_is_noticed() -> None:
    report = ship(required=[i for i in REQUIRED if i != "pytest/failed"]).verify()
    assert (report.verdict, report.first_failure) == ("fail", "required")
    assert "pytest/failed" in detail(report, "required")


def test_a_pattern_needs_at_least_one_required_id() -> None:
    report = ship(required=[i for i in REQUIRED if not i.startswith("taint")]).verify()
    assert report.first_failure == "required"
    assert "taint/flows/*" in detail(report, "required")


def test_warning_and_conditional_rules_need_no_cover() -> None:
    assert ship(policy=policy_bytes(RULES)).verify().verdict == "pass"
    binding = [{**rule, "severity": "block"} if rule["id"] == "style" else rule for rule in RULES]
    assert ship(policy=policy_bytes(binding)).verify().first_failure == "required"
    unconditional = [{k: v for k, v in rule.items() if k != "when"} for rule in RULES]
    assert ship(policy=policy_bytes(unconditional)).verify().first_failure == "required"


def test_another_policy_than_the_sealed_one_fails() -> None:
    weak = policy_bytes([])
    assert ship().verify(policy=weak).first_failure == "required"
    assert ship(trust=trust_bytes(policy="0" * 64)).verify().first_failure == "required"
    pinned = hashlib.sha256(policy_bytes()).hexdigest()
    report = ship(trust=trust_bytes(policy=pinned)).verify()
    assert report.verdict == "pass"
    assert "as pinned by the trust file" in detail(report, "required")
    assert "pins none" in detail(ship().verify(), "required")


def test_a_failed_required_obligation_fails() -> None:
    bad = record_of(Obligation(key="pytest/failed", value=2, max=0), producer=producer(), inputs=INPUTS)
    made = [bad if r.key == "pytest/failed" else r for r in records()]
    report = ship(made_of=made).verify()
    assert report.first_failure == "required"
    assert "pytest/failed has verdict fail" in detail(report, "required")


def test_an_id_without_a_rule_must_pass() -> None:
    report = ship(required=(*REQUIRED, "bandit/scan")).verify()
    assert "bandit/scan has verdict fail" in detail(report, "required")
    assert ship(required=(*REQUIRED, "taint/flows/src/m3.py")).verify().verdict == "pass"


def test_a_bound_weaker_than_the_rule_does_not_help() -> None:
    weak = Obligation(key="reports/coverage", value=40, min=10, scale=1)
    made = [r for r in records() if r.key != "reports/coverage"]
    rule = {"id": "coverage", "require": "reports/coverage", "min": "80", "severity": "block"}
    shipment = ship(made_of=[*made, record_of(weak, producer=producer(), inputs=INPUTS)], policy=policy_bytes([rule]))
    assert "40 where at least 80 is demanded" in detail(shipment.verify(), "required")
    high = {"id": "slow", "require": "reports/slow", "accept": ["warn"], "max": "8", "severity": "block"}
    assert "9 where at most 8 is demanded" in detail(ship(policy=policy_bytes([high], [])).verify(), "required")


def test_a_bound_on_something_without_a_number_is_not_met() -> None:
    rule = {"id": "b", "require": "build/reproducible", "min": "1", "severity": "block"}
    assert "states no number" in detail(ship(policy=policy_bytes([rule])).verify(), "required")


def test_a_waived_obligation_needs_a_waiver_in_force_or_a_rule_that_accepts_warnings() -> None:
    assert "1 by waiver" in detail(ship().verify(), "required")
    for waivers in ([], [{**WAIVERS[0], "expires": "2026-02-28"}], [{**WAIVERS[0], "key": "reports/coverage"}]):
        report = ship(policy=policy_bytes(RULES, waivers)).verify()
        assert report.first_failure == "required"
        assert "reports/slow has verdict warn" in detail(report, "required")
    lenient = [{**rule, "accept": ["pass", "warn"]} if rule["id"] == "slow" else rule for rule in RULES]
    assert ship(policy=policy_bytes(lenient, [])).verify().verdict == "pass"


def test_a_waiver_does_not_turn_a_failure_into_a_pass() -> None:
    made = [msgspec.structs.replace(r, verdict=Verdict.UNMET) if r.verdict is Verdict.WAIVED else r for r in records()]
    assert ship(made_of=made).verify().first_failure == "required"


def test_one_true_condition_is_enough_for_a_conditional_obligation() -> None:
    rules = [
        {"id": "a", "require": "build/reproducible", "accept": ["skip"], "severity": "block", "when": {"os": "linux"}},
        {"id": "b", "require": "build/*", "severity": "block", "when": {"os": "windows"}},
    ]
    only = ("build/reproducible",)
    assert ship(required=only, policy=policy_bytes(rules)).verify().verdict == "pass"
    assert ship(required=only, policy=policy_bytes(rules[:1])).verify().first_failure == "required"


def hidden(statements: list[object]) -> Shipment:
    claim = Obligation(key="reports/coverage", value=93, min=90, private=True)
    secret: Record = record_of(claim, producer=producer(), inputs=INPUTS)
    from maestro_hooks.evidence import leafset, manifest
    from tests.evidence.shipment import entropy

    policy = policy_bytes([{"id": "c", "require": "reports/coverage", "min": "90", "severity": "block"}])
    leaves = leafset.leaf_set([secret], entropy=entropy, commitments={secret.key: "c" * 64})
    sealed = manifest.seal(
        leaves,
        release=manifest.Release("demo", "1.0", ""),
        subjects=[manifest.Subject("demo.whl", {"sha256": hashlib.sha256(b"the bytes of a wheel").hexdigest()})],
        required=[secret.key],
        policy=hashlib.sha256(policy).hexdigest(),
        sections={"zk": {**ZK, "statements": statements}},
    )
    return Shipment(
        sealed,
        sign_bundle(sealed.payload, RELEASE_KEY),
        trust_bytes(),
        policy,
        encode_disclosures([leaves.disclose(secret.key)]),
    )


def test_a_hidden_number_counts_only_with_a_statement_as_strict_as_the_rule() -> None:
    statement = {"id": "reports/coverage", "metric": "coverage", "op": ">=", "threshold": "90"}
    assert status(hidden([statement]).verify(), "required") == "pass"
    assert status(hidden([statement]).verify(), "zk") == "not-checked"
    for weaker in ([], [{**statement, "threshold": "89"}], [{**statement, "op": "<="}], [{**statement, "id": "x"}]):
        report = hidden(list(weaker)).verify()
        assert status(report, "required") == "fail"
        assert "without a proved bound" in detail(report, "required")


def test_a_checkout_is_a_subject_by_its_tree_id() -> None:
    alone = ship().verify(artifacts=(), source="a" * 40)
    assert (status(alone, "subject"), alone.verdict) == (Status.PASS, "pass")
    for source in ("b" * 40, "c" * 40):
        other = ship().verify(source=source)
        assert (status(other, "subject"), other.first_failure) == (Status.FAIL, "subject")
