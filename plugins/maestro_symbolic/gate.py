"""The gate: files in, one obligation per contracted function out.

Invariant: what could not be read, decided or waived is an obligation that says so; on critical modules it is unmet.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import MAX_KEY_BYTES, Finding, Location, Obligation
from maestro_symbolic.cache import Cache
from maestro_symbolic.evidence import attachments
from maestro_symbolic.judging import Budget, Subject, judge
from maestro_symbolic.normal import contract_digest
from maestro_symbolic.report import finding
from maestro_symbolic.settings import SymbolicSettings
from maestro_symbolic.targets import reader, targets_of
from maestro_symbolic.verdicts import BLOCKING, allowed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from maestro_hooks.requests import CheckRequest, LedgerView, SourceFile
    from maestro_symbolic.judging import Judged
    from maestro_symbolic.settings import Waiver
    from maestro_symbolic.targets import Target

WAIVABLE = frozenset({"bounded", "unknown", "unsupported", "candidate", "crosshair-confirmed"})


def check(request: CheckRequest) -> Iterator[Obligation]:
    """The obligations of the request's Python files, critical modules first so that the budget serves them."""
    settings = request.settings if isinstance(request.settings, SymbolicSettings) else SymbolicSettings()
    files = [f for f in request.files if f.path.endswith(".py")]
    files = [f for f in files if not any(fnmatchcase(f.path, pattern) for pattern in settings.exclude)]
    ranked = sorted(files, key=lambda f: (not is_critical(f.path, settings), f.path))
    read_file = reader(request.root)
    unparsed: list[Finding] = []
    read: dict[str, list[Target]] = {}
    for file in ranked:
        if not (settings.ordinary or is_critical(file.path, settings)):
            continue
        read[file.path] = []
        try:
            read[file.path] = targets_of(file.path, file.text, read=read_file)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            unparsed.append(_unparsed(file, error))
    used: set[str] = set()
    yield from _obligations([f for f in ranked if f.path in read], read, request, settings, used)
    if read:
        yield Obligation(
            key="symbolic/unparsed", value=len(unparsed), max=0, files=tuple(read), findings=tuple(unparsed)
        )
    if request.whole:
        yield from _whole(settings, [f.path for f in files], used)


def _obligations(
    files: list[SourceFile],
    read: dict[str, list[Target]],
    request: CheckRequest,
    settings: SymbolicSettings,
    used: set[str],
) -> Iterator[Obligation]:
    for file in files:
        if not read[file.path] and is_critical(file.path, settings):
            words = "a critical module without a contracted function: nothing was checked"
            found = Finding(rule="symbolic-critical", message=words, at=Location(file.path, 1))
            key = _key(module_of(file.path))
            yield Obligation(key=key, value="unsupported", allowed=("proven",), files=(file.path,), findings=(found,))
    paths = frozenset(f.path for f in request.files)
    owners = {id(target): file for file in files for target in read[file.path]}
    subjects = [Subject(target, file.place) for file in files for target in read[file.path]]
    for judged in judge(subjects, request.root, Cache(request.root, request.cache), Budget(settings.budget_units)):
        file = owners[id(judged.target)]
        one = _with_crosshair(judged, file, request.root, settings)
        yield _obligation(one, file, paths, settings, critical=is_critical(file.path, settings), used=used)


def _obligation(
    judged: Judged,
    file: SourceFile,
    paths: frozenset[str],
    settings: SymbolicSettings,
    *,
    critical: bool,
    used: set[str],
) -> Obligation:
    subject = f"{module_of(file.path)}.{judged.target.name}"
    outcome = judged.outcome
    float_cone = outcome.mode != "int"
    accepted = allowed(critical=critical, allow_bounded=settings.allow_bounded, float_cone=float_cone)
    value: str = outcome.verdict
    note = ""
    waiver = next((w for w in settings.waivers if w.function == subject), None)
    if waiver is not None:
        used.add(subject)
        note = waiver_fault(waiver, judged, today())
        if not note and value in WAIVABLE:
            value = f"waived({outcome.verdict})"
            accepted = (*accepted, value)
            note = f"waived by {waiver.owner} until {waiver.expires}: {waiver.reason}"
        elif value in WAIVABLE:
            accepted = tuple(v for v in accepted if v != value)
    blocked = value not in accepted
    linked = [path for path, _ in judged.target.program.linked]
    return Obligation(
        key=_key(subject),
        value=value,
        allowed=accepted,
        kind="invariant",
        # What a verdict read beyond its file: where that is not among the request's files, it speaks of all of them.
        files=(file.path, *linked) if paths.issuperset(linked) else None,
        findings=(finding(judged, subject, file.path, blocked=blocked, note=note),),
        attachments=attachments(judged.target, subject, outcome, module_of(file.path)),
    )


def _with_crosshair(judged: Judged, file: SourceFile, root: Path, settings: SymbolicSettings) -> Judged:
    """The verdict, or CrossHair's where the settings ask for it; nothing of it is loaded otherwise."""
    if not settings.crosshair:
        return judged
    from maestro_symbolic.crosshair import consulted  # noqa: PLC0415 - loaded on use

    return consulted(judged, file, root, settings)


def waiver_fault(waiver: Waiver, judged: Judged, day: date) -> str:
    """Why a waiver does not hold; empty if it does."""
    digest = contract_digest(judged.target)
    if waiver.expires < day:
        return f"its waiver expired on {waiver.expires}"
    if waiver.contract != digest:
        return f"its waiver is for another contract ({waiver.contract}); this one is {digest}"
    if judged.outcome.verdict in BLOCKING:
        return f"a verdict of {judged.outcome.verdict} cannot be waived"
    return ""


def today() -> date:
    """The day by which waivers are judged, in UTC so that no time zone shortens or lengthens one."""
    return datetime.now(UTC).date()


def is_critical(path: str, settings: SymbolicSettings) -> bool:
    """Whether a path is named critical, by dotted module or by glob."""
    module = module_of(path)
    return any(
        fnmatchcase(path, entry) if "/" in entry or entry.endswith(".py") else module in (entry, f"src.{entry}")
        for entry in settings.critical
    )


def module_of(path: str) -> str:
    """The dotted name of a path below the root; unlike a bare module name it is unique in the repository."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def current_waivers(view: LedgerView) -> Iterator[Obligation]:
    """Whether the waivers hold on the day of the seal: a verdict reused from an earlier day cannot know that."""
    settings = view.settings if isinstance(view.settings, SymbolicSettings) else SymbolicSettings()
    if settings.waivers:
        expired = [w for w in settings.waivers if w.expires < today()]
        findings = [_waiver_finding(w, f"expired on {w.expires}") for w in expired]
        yield Obligation(key="symbolic/expired-waivers", value=len(expired), max=0, findings=tuple(findings))


def _whole(settings: SymbolicSettings, paths: list[str], used: set[str]) -> Iterator[Obligation]:
    """What only the whole tree can tell: critical entries and waivers that match nothing."""
    if settings.critical:
        single = {entry: SymbolicSettings(critical=(entry,)) for entry in settings.critical}
        lost = [e for e, alone in single.items() if not any(is_critical(path, alone) for path in paths)]
        findings = [
            Finding(rule="symbolic-critical", message=f"critical = {e!r} names no file", at=Location("pyproject.toml"))
            for e in lost
        ]
        yield Obligation(key="symbolic/critical-missing", value=len(lost), max=0, findings=tuple(findings))
    if settings.waivers:
        unused = [w for w in settings.waivers if w.function not in used]
        findings = [_waiver_finding(w, "names no checked function") for w in unused]
        yield Obligation(key="symbolic/unused-waivers", value=len(unused), max=0, findings=tuple(findings))


def _waiver_finding(waiver: Waiver, words: str) -> Finding:
    message = f"the waiver of {waiver.function} ({waiver.owner}) {words}"
    return Finding(rule="symbolic-waiver", message=message, at=Location("pyproject.toml"))


def _unparsed(file: SourceFile, error: Exception) -> Finding:
    line = (error.lineno or 0) if isinstance(error, SyntaxError) else 0
    words = error.msg if isinstance(error, SyntaxError) else f"{type(error).__name__}: {error}"
    facts: dict[str, object] = {
        "function": "",
        "verdict": "unsupported",
        "reason": f"not parsed: {words}",
        "counterexample": None,
        "cpu_s": 0,
    }
    return Finding(
        rule="symbolic-unparsed",
        message=f"not checked, the file does not parse: {words}",
        at=Location(file.path, line),
        properties=facts,
    )


def _key(subject: str) -> str:
    key = f"symbolic/verdict/{subject}"
    if len(key.encode()) <= MAX_KEY_BYTES:
        return key
    return f"symbolic/verdict/{subject[:150]}~{hashlib.sha256(subject.encode()).hexdigest()[:16]}"
