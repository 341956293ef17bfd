"""Which test run counts when one tree has several."""

from __future__ import annotations

from maestro_hooks.evidence.inputs import Inputs, digest, encode
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.record import Producer, Record
from maestro_hooks.pipeline.recorded_runs import accepted_runs, accepted_sessions, session_arguments, speaks_of


def run(*arguments: str) -> Inputs:
    return Inputs(plugin="pytest", version="9", tree="t", arguments=arguments)


def accepted(*runs: Inputs, named: str = "") -> list[Inputs]:
    digests = accepted_runs(runs, tree="t", named=named)
    return [document for document in runs if digest(encode(document)) in digests]


FULL = run("path .")
SKIPPING = run("path .", "skipped by maestro 3 sha256:0")
PARTIAL = run("path .", "option keyword='x'", "deselected 3 sha256:0")


def test_a_whole_run_stands_before_a_partial_one() -> None:
    assert accepted(FULL, PARTIAL) == [FULL]
    assert accepted(SKIPPING, PARTIAL) == [SKIPPING]


def test_a_run_that_skipped_nothing_stands_before_one_that_did() -> None:
    assert accepted(SKIPPING, FULL) == [FULL]


def test_the_only_run_and_the_named_run_stand() -> None:
    assert accepted(PARTIAL) == [PARTIAL]
    assert accepted(FULL, SKIPPING, named=digest(encode(SKIPPING))) == [SKIPPING]


def session(name: str, *, of: str = "run") -> Inputs:
    return Inputs(plugin="p", version="1", tree="t", arguments=session_arguments(of, name))


def speaking(*claims: tuple[Inputs, Verdict]) -> list[str]:
    documents = {digest(encode(document)): document for document, _ in claims}
    producer = Producer("p", "1", "maestro_tests_finished")
    records = [
        Record(key=f"p/{at}", kind="bloom", producer=producer, inputs=digest(encode(document)), verdict=verdict)
        for at, (document, verdict) in enumerate(claims)
    ]
    chosen = accepted_sessions(records, documents)
    assert chosen == accepted_sessions(reversed(records), documents)
    return [documents[found].arguments[2] for found in chosen]


def test_a_claim_about_a_session_follows_its_test_run() -> None:
    assert speaks_of(session("one"), ["run"])
    assert not speaks_of(session("one"), ["another"])
    assert not speaks_of(FULL, ["run"])


def test_one_session_speaks_for_all_of_equal_test_runs() -> None:
    one, two, other = session("one"), session("two"), session("three", of="another run")
    assert len(speaking((one, Verdict.MET), (two, Verdict.MET))) == 1
    assert sorted(speaking((one, Verdict.MET), (other, Verdict.MET))) == ["one", "three"]


def test_an_unmet_claim_stands_before_a_met_one_and_that_before_an_error() -> None:
    for one, two in (("one", "two"), ("two", "one")):
        assert speaking((session(one), Verdict.UNMET), (session(two), Verdict.MET)) == [one]
        assert speaking((session(one), Verdict.MET), (session(two), Verdict.ERROR)) == [one]
