"""``maestro zk prove | verify | open``: further bounds of hidden numbers, their check, their disclosure.

Invariant: ``verify`` reads files only and no secret; ``prove`` shows a bound and ``open`` shows a number, each only
when asked and only where the release was sealed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from maestro_hooks.evidence.manifest import Sealed
    from maestro_zk.openings import StoredOpening
    from maestro_zk.section import Statement
    from maestro_zk.statement import Operator

_CLAIM = re.compile(r"(?P<key>.+?)(?P<op>>=|<=)(?P<bound>-?[0-9]{1,18}(\.[0-9]{1,18})?)")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the three verbs and their options."""
    verbs = parser.add_subparsers(dest="action", required=True, metavar="prove|verify|open")
    prove = verbs.add_parser("prove", help="prove further bounds of numbers that a sealed manifest hides")
    prove.add_argument("claims", nargs="+", metavar="CLAIM", help="such as 'coverage/total>=0.85'")
    prove.add_argument("--bits", type=int, choices=(32, 64), default=32, help="range of the proof (default: 32)")
    opened = verbs.add_parser("open", help="disclose hidden numbers with their blindings, to one auditor")
    opened.add_argument("keys", nargs="+", metavar="KEY", help="such as coverage/total")
    for verb in (prove, opened):
        verb.add_argument("--manifest", metavar="SHA256", help="which sealed manifest (default: the one sealed last)")
        verb.add_argument("--output", "-o", metavar="FILE", type=Path, help="write here instead of standard output")
    verify = verbs.add_parser("verify", help="check a bundle's hidden numbers, further proofs and openings; offline")
    verify.add_argument("bundle", metavar="BUNDLE", type=Path, help="<name>.sigstore.json")
    for option, what in (
        ("--leaf", "disclosed leaves (default: <name>.ce-leaf.json)"),
        ("--proof", "a file that 'zk prove' wrote"),
        ("--opening", "a file that 'zk open' wrote"),
    ):
        verify.add_argument(option, action="append", default=[], metavar="FILE", type=Path, help=f"{what}; repeatable")
    verify.add_argument("--trust", metavar="FILE", type=Path, help="trust file (default: trust.json beside, or here)")
    for verb in (prove, opened, verify):
        verb.add_argument("--json", action="store_true", help="print one JSON object instead of words")


def run(args: Namespace) -> ExitCode:
    """Carry out one verb."""
    if args.action == "verify":
        from maestro_zk.audit import run as audit  # noqa: PLC0415 - an auditor has no repository

        return audit(args)
    return {"prove": _prove, "open": _open}[args.action](args)


def _prove(args: Namespace) -> ExitCode:
    """Write the statements and their proof, bound to the sealed manifest, in the form of its section."""
    from maestro_zk.prover import Opening  # noqa: PLC0415 - loaded when used
    from maestro_zk.section import ZkSection, context_of, encode_section  # noqa: PLC0415
    from maestro_zk.statement import prove_rows  # noqa: PLC0415
    from maestro_zk.verifier import row_of, words  # noqa: PLC0415

    sealed, known = _sealed(args)
    found = sorted((_statement(sealed, known, claim) for claim in args.claims), key=lambda pair: pair[0].order)
    openings = [Opening(opening.value, opening.factor) for _, opening in found]
    rows = [row_of(statement, opening.round) for statement, opening in found]
    try:
        proof = prove_rows(context_of(sealed.manifest), rows, openings=openings, bits=args.bits)
    except ValueError as error:
        raise UsageError(str(error), where="maestro zk prove", fix="correct the claims") from error
    statements = tuple(statement for statement, _ in found)
    body = encode_section(ZkSection(args.bits, statements, proof))
    lines = [f"proved: {words(statement)}" for statement in statements]
    return _hand_out(args, body, lines, schema="maestro.zk.prove/1")


def _open(args: Namespace) -> ExitCode:
    """Write the numbers and blindings; a file is readable by this user only."""
    from maestro_zk.openings import encode  # noqa: PLC0415 - loaded when used

    sealed, known = _sealed(args)
    chosen = [_find(sealed, known, key)[1] for key in dict.fromkeys(args.keys)]
    lines = [f"opened: {o.id} = {Fraction(o.value, o.scale)} ({o.round})" for o in chosen]
    return _hand_out(args, json.loads(encode(chosen)), lines, schema="maestro.zk.open/1")


def _hand_out(args: Namespace, body: dict[str, object], lines: list[str], *, schema: str) -> ExitCode:
    from maestro_hooks.project.files import write_atomic  # noqa: PLC0415 - loaded when used
    from maestro_hooks.render import emit  # noqa: PLC0415

    text = json.dumps(body, sort_keys=True)
    if args.output is not None:
        try:
            write_atomic(args.output, text.encode() + b"\n", mode=0o600)
        except OSError as error:
            raise UsageError(f"cannot write: {error.strerror}", where=str(args.output)) from error
    output = None if args.output is None else str(args.output)
    payload = {"schema": schema, "ok": True, "output": output, "body": body}
    emit(payload, [text] if output is None else [*lines, f"written: {output}"], as_json=args.json)
    return ExitCode.OK


def _sealed(args: Namespace) -> tuple[Sealed, dict[str, StoredOpening]]:
    from maestro_hooks.project.repository import Repository  # noqa: PLC0415 - loaded when used
    from maestro_hooks.sealing.store import latest, load_sealed  # noqa: PLC0415
    from maestro_zk.openings import load  # noqa: PLC0415

    root = Repository.find(args.root).root
    return load_sealed(root, args.manifest or latest(root)), load(root)


@dataclass(frozen=True, slots=True)
class _Claim:
    key: str
    op: Operator
    bound: Fraction


def _claim(text: str) -> _Claim:
    match = _CLAIM.fullmatch(text.replace(" ", ""))
    if match is None:
        raise UsageError(f"{text!r} is no claim", where="maestro zk prove", fix="write KEY>=NUMBER or KEY<=NUMBER")
    return _Claim(match["key"], ">=" if match["op"] == ">=" else "<=", Fraction(match["bound"]))


def _statement(sealed: Sealed, known: dict[str, StoredOpening], text: str) -> tuple[Statement, StoredOpening]:
    from maestro_zk.section import Statement  # noqa: PLC0415 - loaded when used

    claim = _claim(text)
    index, opening = _find(sealed, known, claim.key)
    threshold = claim.bound * opening.scale
    if threshold.denominator != 1:
        raise UsageError(
            f"{claim.bound} is no multiple of 1/{opening.scale}, the scale of {claim.key}",
            where="maestro zk prove",
            fix="state the bound at that scale",
        )
    statement = Statement(
        id=opening.id,
        metric=opening.metric,
        scale=opening.scale,
        op=claim.op,
        threshold=threshold.numerator,
        commit=opening.commit,
        leaf=index,
    )
    return statement, opening


def _find(sealed: Sealed, known: dict[str, StoredOpening], key: str) -> tuple[int, StoredOpening]:
    """The leaf index and the opening of a hidden number. Raises ``UsageError``."""
    from maestro_hooks.evidence.leaf import parse_leaf  # noqa: PLC0415 - loaded when used

    try:
        index = sealed.leaves.index(key)
    except KeyError:
        raise UsageError(f"no obligation {key!r} was sealed", where="maestro zk", fix="see 'maestro prove'") from None
    for metric in parse_leaf(sealed.leaves.data[index]).metrics.values():
        if metric.commit is not None and metric.commit in known:
            return index, known[metric.commit]
        if metric.commit is not None:
            raise UsageError(
                f"the opening of {key} is not here", where="maestro zk", fix="run this where it was sealed"
            )
    raise UsageError(f"{key} hides no number", where="maestro zk", fix="'maestro prove' discloses it")
