"""``maestro verify BUNDLE|DIR``: check a release offline, and say in words what was checked and what was not.

Invariant: no socket is opened, and no plugin imported but the one that checks a section the manifest holds; what is
taken from beside the bundle is said.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError, ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence

    from maestro_hooks.evidence.log_steps import Consistency, LastSeen
    from maestro_hooks.evidence.report import Report

STATE_SCHEMA = "maestro.head/1"
BUNDLE_SUFFIX = ".sigstore.json"
SBOM_SUFFIX = ".sbom.cdx.json"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "bundles", nargs="+", metavar="BUNDLE", help="<name>.sigstore.json, one per signer, or the directory it lies in"
    )
    for option, words in (
        ("--artifact", "a released file (default: the subjects beside the bundle)"),
        ("--leaf", "disclosed leaves (default: <name>.ce-leaf.json)"),
    ):
        parser.add_argument(option, action="append", default=[], metavar="FILE", type=Path, help=f"{words}; repeatable")
    parser.add_argument("--trust", metavar="FILE", type=Path, help="trust file (default: trust.json beside, or here)")
    parser.add_argument("--source", metavar="DIR", type=Path, help="a checkout whose content must be the source tree")
    parser.add_argument(
        "--state", metavar="FILE", type=Path, help="the last log head accepted; made and, after a pass, updated"
    )
    parser.add_argument("--log", metavar="DIR", type=Path, help="a copy of the log, to prove that --state continues")
    parser.add_argument("--policy", metavar="FILE", type=Path, help="exported policy (default: <name>.policy.json)")


def run(args: Namespace) -> ExitCode:
    """Verify and report; 0 pass, 4 fail, 3 cannot decide, 2 usage."""
    from maestro_hooks.evidence.report import report_object  # noqa: PLC0415 - loaded when used
    from maestro_hooks.evidence.verify import Submission, verify  # noqa: PLC0415
    from maestro_hooks.pipeline.section_checks import check_section  # noqa: PLC0415
    from maestro_hooks.render import emit  # noqa: PLC0415

    with _without_collector():
        bundles = [path for given in args.bundles for path in _bundles(given)]
        inputs = _gather(args, bundles[0])
        submission = Submission(
            bundles=[_read(path) for path in bundles],
            trust=_read_optional(inputs.trust),
            policy=_read_optional(inputs.policy),
            leaves=[_read(path) for path in inputs.leaves],
            artifacts=[(str(path), _hash(path)) for path in inputs.artifacts],
            source=_tree_id(args.source) if args.source is not None else "",
            now=datetime.now(UTC),
            checkers={"zk": partial(check_section, "zk")},
            seen=_last_seen(args),
        )
        report = verify(submission)
    if args.state and report.verdict == "pass" and report.heads:
        _remember(args.state, report, submission.seen)
    if args.json:
        emit(report_object(report) | {"defaults": inputs.taken}, (), as_json=True)
    else:
        emit({}, _lines(report, inputs.taken), as_json=False)
    return report.exit_code


def _bundles(given: str) -> list[Path]:
    """The bundle, or those of a directory's one release; an address is refused, for nothing here opens a connection."""
    if given.startswith(("http://", "https://")):
        raise UsageError("verification opens no connection", where=given, fix="download the release, then verify it")
    place = Path(given)
    if not place.is_dir():
        return [place]
    found = sorted(place.glob(f"*{BUNDLE_SUFFIX}"))
    if len(found) != 1:
        words = "no bundle" if not found else f"{len(found)} bundles"
        raise UsageError(f"{words} in the directory", where=given, fix=f"name the <name>{BUNDLE_SUFFIX} to verify")
    return found


def _last_seen(args: Namespace) -> LastSeen | None:
    """The head in ``--state``, with a way to prove consistency out of the copy of the log, if one is given."""
    if args.state is None or not args.state.exists():
        return None
    from maestro_hooks.evidence import canonical, merkle, shape  # noqa: PLC0415 - loaded when used
    from maestro_hooks.evidence.checkpoint import Head  # noqa: PLC0415
    from maestro_hooks.evidence.log_steps import LastSeen  # noqa: PLC0415

    where = str(args.state)
    body = canonical.decode_object(_read(args.state), canonical=False, where=where)
    shape.members(body, required=("schema", "size", "root"), where=where)
    shape.one_of(body["schema"], (STATE_SCHEMA,), where=where)
    root = canonical.base64_decode(body["root"], where=where, size=merkle.HASH_SIZE)
    head = Head(shape.natural(body["size"], where=where), root)
    return LastSeen(head=head, consistency=None if args.log is None else _consistency(args.log))


def _consistency(log: Path) -> Consistency:
    from maestro_hooks.evidence.tiles import TileTree  # noqa: PLC0415

    def prove(old: int, new: int) -> Sequence[bytes]:
        try:
            return TileTree(new, lambda name: (log / name).read_bytes()).consistency(old)
        except OSError as error:
            raise UsageError(f"the copy of the log lacks {error.filename}", where=str(log)) from error

    return prove


def _remember(state: Path, report: Report, seen: LastSeen | None) -> None:
    """Keep the newest head, only after everything passed; an older bundle never rolls it back."""
    from maestro_hooks.evidence import canonical  # noqa: PLC0415
    from maestro_hooks.project.files import write_atomic  # noqa: PLC0415

    head = max((*report.heads, *([] if seen is None else [seen.head])), key=lambda h: h.size)
    body = {"schema": STATE_SCHEMA, "size": str(head.size), "root": canonical.base64_encode(head.root)}
    write_atomic(state, canonical.encode(body) + b"\n")


@contextmanager
def _without_collector() -> Iterator[None]:
    """Parsing makes many containers and no cycles: the collector would walk them again and again and find nothing."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@dataclass(slots=True)
class _Inputs:
    """The files to verify; ``taken`` names those found beside the bundle instead of given."""

    artifacts: Sequence[Path]
    leaves: Sequence[Path]
    trust: Path | None
    policy: Path | None
    taken: list[str] = field(default_factory=list)


def _gather(args: Namespace, first: Path) -> _Inputs:
    name = first.name.removesuffix(BUNDLE_SUFFIX)
    inputs = _Inputs(args.artifact, args.leaf, args.trust, args.policy)
    beside = first.parent
    if not inputs.leaves:
        inputs.leaves = _taken(inputs, beside / f"{name}.ce-leaf.json")
    if inputs.policy is None:
        inputs.policy = next(iter(_taken(inputs, beside / f"{name}.policy.json")), None)
    if inputs.trust is None:
        inputs.trust = next(iter(_taken(inputs, beside / "trust.json") or _taken(inputs, Path("trust.json"))), None)
    if not inputs.artifacts:
        inputs.artifacts = [p for n in _subject_names(first) for p in _taken(inputs, beside / n)]
    sbom = beside / f"{name}{SBOM_SUFFIX}"
    if sbom not in inputs.artifacts:
        inputs.artifacts = [*inputs.artifacts, *_taken(inputs, sbom)]
    return inputs


def _taken(inputs: _Inputs, path: Path) -> list[Path]:
    if not path.is_file():
        return []
    inputs.taken.append(str(path))
    return [path]


def _subject_names(bundle: Path) -> list[str]:
    """File names of the subjects; a name that is more than a name is never looked up."""
    from maestro_hooks.evidence.bundle import parse_bundle  # noqa: PLC0415
    from maestro_hooks.evidence.manifest import parse_manifest  # noqa: PLC0415

    try:
        names = parse_manifest(parse_bundle(_read(bundle)).envelope.payload).files().values()
    except EvidenceError:
        return []  # the step "parse" will say it
    return sorted(filter(_is_plain, names))


def _is_plain(name: str) -> bool:
    return name not in ("", ".", "..") and not set(name) & {"/", "\\", "\x00"}


def _read(path: Path) -> bytes:
    from maestro_hooks.evidence.canonical import MAX_BYTES  # noqa: PLC0415

    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)  # one byte too many is enough for the reader to refuse it
    except OSError as error:
        raise UsageError(f"cannot read: {error.strerror}", where=str(path)) from error


def _tree_id(checkout: Path) -> str:
    from maestro_hooks.project.repository import Repository  # noqa: PLC0415 - only with --source

    return Repository.find(checkout).work_tree()


def _read_optional(path: Path | None) -> bytes | None:
    return None if path is None else _read(path)


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read: {error.strerror}", where=str(path)) from error


def _lines(report: Report, taken: Sequence[str]) -> list[str]:
    words = {"pass": "VERIFIED", "fail": "NOT VALID", "incomplete": "CANNOT DECIDE"}[report.verdict]
    manifest = report.manifest
    title = "" if manifest is None else f"{manifest.release.name} {manifest.release.version}, "
    stop = f" (first: {report.first_failure})" if report.first_failure else ""
    lines = [f"{title}manifest {report.manifest_sha256[:16] or 'unreadable'}"]
    lines += [f"  {step.step:<13} {step.status.value:<12} {step.detail}" for step in report.steps]
    if taken:
        lines.append(f"  taken from beside the bundle or from here, not given: {', '.join(taken)}")
    # Names come from the files under test: control characters must not reach the terminal.
    return ["".join(c if c.isprintable() else "?" for c in line) for line in [*lines, f"{words}{stop}"]]
