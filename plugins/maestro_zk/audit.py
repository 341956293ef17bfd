"""``maestro zk verify``: the hidden numbers of a bundle, further proofs of them, and openings shown to an auditor.

Invariant: offline and without any secret of the signer; what is not checked here (artifacts, policy, log) is said.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError, ExitCode, UsageError
from maestro_hooks.evidence import canonical
from maestro_hooks.evidence.report import EXIT_CODES
from maestro_hooks.evidence.steps import Status, Step, first_failure, verdict
from maestro_hooks.evidence.verify import Submission, verify
from maestro_hooks.render import emit
from maestro_hooks.requests import VerifyRequest
from maestro_zk import openings
from maestro_zk.section import parse_section
from maestro_zk.verifier import NAME, check_section, check_statements

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from maestro_hooks.evidence.leaf import Leaf
    from maestro_hooks.evidence.manifest import Manifest

SUFFIX = ".sigstore.json"
STEPS = ("parse", "signature", "leaf", NAME)


def run(args: Namespace) -> ExitCode:
    """Check and report; 0 pass, 4 fail, 3 cannot decide, 2 usage."""
    beside = args.bundle.parent
    leaves = args.leaf or _there(beside / f"{args.bundle.name.removesuffix(SUFFIX)}.ce-leaf.json")
    trust = [args.trust] if args.trust else _there(beside / "trust.json")
    report = verify(
        Submission(
            bundles=[_read(args.bundle)],
            trust=_read(trust[0]) if trust else None,
            leaves=[_read(place) for place in leaves],
            now=datetime.now(UTC),
            checkers={NAME: _checked},
        )
    )
    steps = [step for step in report.steps if step.step in STEPS]
    if report.manifest is not None:
        steps += [_proof(place, report.manifest, report.disclosed) for place in args.proof]
        steps += [_opening(place, report.disclosed) for place in args.opening]
    outcome = verdict(steps)
    rest = "artifacts, policy and log are not looked at here: 'maestro verify' checks the release"
    payload = {
        "schema": "maestro.zk.verify/1",
        "ok": outcome == "pass",
        "verdict": outcome,
        "first_failure": first_failure(steps),
        "steps": [{"step": s.step, "status": s.status.value, "detail": s.detail} for s in steps],
        "note": rest,
    }
    lines = [f"  {s.step:<13} {s.status.value:<12} {s.detail}" for s in steps]
    lines += [f"{outcome} ({rest})"]
    # Names come from the files under test: control characters must not reach the terminal.
    shown = ["".join(c if c.isprintable() else "?" for c in line) for line in lines]
    emit(payload, shown, as_json=args.json)
    return EXIT_CODES[outcome]


def _checked(manifest: Manifest, leaves: Mapping[int, Leaf]) -> Sequence[Step]:
    return [check_section(VerifyRequest(section=NAME, manifest=manifest, leaves=leaves))]


def _proof(place: Path, manifest: Manifest, leaves: Mapping[int, Leaf]) -> Step:
    """A proof made after the seal, in the form of the section, against the same manifest."""
    name = f"proof {place.name}"
    try:
        body = canonical.decode(_read(place), canonical=False, where=str(place))
        step = check_statements(parse_section(body, size=manifest.size), manifest, leaves, sealed=False)
    except EvidenceError as error:
        return Step(name, Status.FAIL, f"{error.where}: {error.what}")
    return Step(name, step.status, step.detail)


def _opening(place: Path, leaves: Mapping[int, Leaf]) -> Step:
    """Openings handed to this auditor: each opens the commitment of a leaf in the signed tree."""
    name = f"opening {place.name}"
    try:
        shown = openings.parse(_read(place), where=str(place))
    except EvidenceError as error:
        return Step(name, Status.FAIL, f"{error.where}: {error.what}")
    metrics = {
        (leaf.id, metric_name, metric.commit, metric.scale, metric.round)
        for leaf in leaves.values()
        for metric_name, metric in leaf.metrics.items()
    }
    strangers = [o.id for o in shown if (o.id, o.metric, o.commit, o.scale, o.round) not in metrics]
    if strangers or not shown:
        return Step(name, Status.FAIL, f"{', '.join(strangers) or 'nothing'}: no disclosed leaf holds this commitment")
    values = ", ".join(f"{o.id} = {o.q}/{o.scale}" for o in shown)
    return Step(name, Status.PASS, f"the signer committed to {values}")


def _there(place: Path) -> list[Path]:
    return [place] if place.is_file() else []


def _read(place: Path) -> bytes:
    try:
        with place.open("rb") as stream:
            return stream.read(canonical.MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read: {error.strerror}", where=str(place)) from error
