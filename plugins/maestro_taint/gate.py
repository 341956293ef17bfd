"""The gate: files in, obligations out.

Theorem: every Python file asked about is analysed, excluded by a configured pattern, or named in
``taint/unanalysed``, which must be zero.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from maestro_hooks.evidence import sarif
from maestro_hooks.evidence.obligation import Attachment, Finding, Location, Obligation
from maestro_taint import secret_literals
from maestro_taint.analysis import uncollected
from maestro_taint.bandit import join as bandit
from maestro_taint.models.load import project_models
from maestro_taint.report import baseline, suppress
from maestro_taint.report.findings import concerns, findings_of
from maestro_taint.rules import catalogue
from maestro_taint.running import beside, run, store_of
from maestro_taint.settings import TaintSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from maestro_hooks.requests import CheckRequest, SourceFile
    from maestro_taint.fixes.apply import Outcome
    from maestro_taint.frontend.tree import Gap

# Statements run of other files that may call those asked about: about a third of a second. A whole tree has no bound.
CALLER_STEPS = 4_000
RANK = {"note": 0, "warning": 1, "error": 2}


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether ``path`` matches: a pattern without a slash is compared with the file name, others with the path."""
    name = PurePosixPath(path).name
    return any(fnmatchcase(path if "/" in pattern else name, pattern) for pattern in patterns)


def check(request: CheckRequest) -> Iterator[Obligation]:
    """The obligations about the request's Python files; none if there is none.

    Raises:
        ConfigError: a model file is wrong.
    """
    settings = request.settings if isinstance(request.settings, TaintSettings) else TaintSettings()
    chosen = [f for f in request.python_files if not matches(f.path, settings.exclude)]
    if not chosen:
        return
    if request.fix:
        from maestro_taint.fixes.apply import fix_tree  # noqa: PLC0415 - libcst only when a repair is asked for

        outcomes, chosen = fix_tree(request, settings, chosen)
        fixed = sum(o.state == "verified" for o in outcomes)
        for name, value in (("fixes", fixed), ("fixes-refused", len(outcomes) - fixed)):
            yield Obligation(key=f"taint/{name}", value=value, kind="taint", files=tuple(f.path for f in chosen))
        yield from obligations(request, settings, chosen, outcomes)
        return
    yield from obligations(request, settings, chosen)


def obligations(
    request: CheckRequest, settings: TaintSettings, chosen: list[SourceFile], outcomes: Sequence[Outcome] = ()
) -> Iterator[Obligation]:
    """Analyse and state what was found; what was just repaired still counts once, so that a commit stops to show it."""
    with uncollected():
        made = list(_obligations(request, settings, chosen, outcomes))
    yield from made


def _obligations(
    request: CheckRequest, settings: TaintSettings, chosen: list[SourceFile], outcomes: Sequence[Outcome]
) -> Iterator[Obligation]:
    models = project_models(request.root, settings)
    asked = {f.path for f in chosen}
    bound = CALLER_STEPS if settings.callers == "bounded" else None
    outcome = run(request, chosen, models, sinks=bandit.wanted(chosen, settings), bound=bound)
    literals = [one for f in chosen for one in secret_literals.findings(f.path, f.data)]
    found = [f for f in findings_of(outcome, settings, models, literals) if concerns(f, asked)]
    joined = bandit.join(found, chosen, outcome, models, settings, store_of(request.root))
    texts = {f.path: f for f in (*chosen, *beside(request.root, {f.at.path for f in found} - asked))}
    judged = suppress.judge(joined.findings, texts)
    held = baseline.read(request.root / settings.baseline)
    fresh, known = baseline.split(judged.open, held, lambda path: path in asked or not (request.root / path).exists())
    paths = tuple(sorted(asked))
    blocking = tuple(f for f in fresh if RANK[f.level] >= RANK[settings.block])
    rest = tuple(f for f in fresh if RANK[f.level] < RANK[settings.block])
    if outcomes:
        from maestro_taint.fixes.apply import told  # noqa: PLC0415 - as above

        blocking = told(outcomes, blocking)
    elif blocking and settings.propose != 0 and (settings.propose or not request.whole):
        from maestro_taint.fixes.proposing import proposed  # noqa: PLC0415 - libcst only where something blocks

        blocking = proposed(request, settings, models, chosen, blocking)
    gaps = (*(_gap(g) for g in outcome.gaps if g.path in asked), *joined.gaps)
    places = tuple(Location(g.at.path, g.at.line, message=g.message) for g in gaps)
    accepted = (*judged.silenced, *known)
    told_all = (*blocking, *rest, *accepted)
    log = sarif.sarif_log(told_all, tool="maestro-taint", version="1", rules=catalogue(), unanalysed=places)
    yield Obligation(
        key="taint/flows", value=len(blocking), max=0, kind="taint", files=paths, findings=blocking,
        attachments=(Attachment("taint.sarif", sarif.encode(log)),),
    )  # fmt: skip
    yield Obligation(key="taint/notes", value=len(rest), kind="taint", files=paths, findings=rest)
    unread = len({(g.at.path, g.at.line) for g in gaps})
    yield Obligation(key="taint/unanalysed", value=unread, max=0, kind="taint", files=paths, findings=gaps)
    for name, prefix in (("pii-leaks", "taint-pii-"), ("secret-leaks", "taint-secret-")):
        # A leak that is only baselined or suppressed still leaks: debt counts.
        count = sum(f.rule.startswith(prefix) and f.level == "error" for f in (*judged.open, *judged.silenced))
        yield Obligation(key=f"taint/{name}", value=count, kind="taint", files=paths)
    yield Obligation(
        key="taint/suppressed",
        value=len(judged.silenced),
        kind="taint",
        files=paths,
        findings=judged.silenced,
    )
    # Comments in files that were not asked about may be about flows that were not looked for.
    wrong = tuple(f for f in judged.wrong if f.at.path in asked)
    yield Obligation(key="taint/suppressions-wrong", value=len(wrong), max=0, kind="taint", files=paths, findings=wrong)
    yield from _bandit(joined, fresh, paths)
    if outcome.damaged:
        yield Obligation(key="taint/cache-damaged", value=outcome.damaged, kind="taint", files=paths)
    yield Obligation(key="taint/baselined", value=len(known), kind="taint", files=paths, findings=known)
    if outcome.unsearched:
        yield Obligation(key="taint/callers-left", value=len(outcome.unsearched), kind="taint", files=paths)
    yield Obligation(key="taint/files", value=len(chosen), min=1, kind="taint", files=paths)
    yield Obligation(key="taint/models", value=models.digest, kind="taint", files=paths)


def _bandit(joined: bandit.Joined, open_: tuple[Finding, ...], paths: tuple[str, ...]) -> Iterator[Obligation]:
    """What became of Bandit's flow-type results; whether they were joined at all is said too."""
    confirmed = sum(f.properties.get("bandit_state") == "CONFIRMED" for f in open_)
    yield Obligation(key="taint/bandit", value=joined.state, kind="taint", files=paths)
    yield Obligation(key="taint/bandit-confirmed", value=confirmed, kind="taint", files=paths)
    for name, told in (("cleared", joined.cleared), ("unknown", joined.unknown)):
        yield Obligation(key=f"taint/bandit-{name}", value=len(told), kind="taint", files=paths, findings=told)


def _gap(gap: Gap) -> Finding:
    return Finding(rule="taint-unanalysed", message=f"not analysed: {gap.reason}", at=Location(gap.path, gap.line))
