"""Which test run counts when one tree has several."""

from __future__ import annotations

from maestro_hooks.evidence.inputs import Inputs, digest, encode
from maestro_hooks.pipeline.recorded_runs import accepted_runs


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
