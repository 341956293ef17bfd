"""Flows as findings: one per place and rule, with the shortest way there.

Invariant: equal analyses give equal findings in equal order; a fingerprint holds no line number.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, cast

from maestro_hooks.evidence.obligation import Finding, Level, Location
from maestro_taint.domain.steps import backwards, length
from maestro_taint.engine.personal import LOG_ONLY
from maestro_taint.frontend.ir import column_of, line_of
from maestro_taint.kinds import BIT, BY_BIT, VARIANTS, rule_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from maestro_taint.analysis import Analysis
    from maestro_taint.domain.atoms import Source
    from maestro_taint.models.model import Models
    from maestro_taint.settings import TaintSettings

MAX_STEPS = 40
LONG_WAY = 15
CONFIDENCE = ("low", "medium", "high")

# To name a module to load is what some arguments are for; one that is evaluated is another matter.
NAMED_BY_USER = frozenset(("importlib.import_module", "builtins.__import__", "runpy.run_path", "runpy.run_module"))

# Weak by default: what they allow depends on the interpreter's or the library's version.
WARNED = frozenset({"xml.stdlib", "tarfile.extractall", "jinja2.autoescape", "tempfile.mktemp"})


def findings_of(
    analysis: Analysis,
    settings: TaintSettings,
    models: Models,  # noqa: ARG001 - callers have them; levels may come to depend on them
    literals: Iterable[Finding] = (),
) -> list[Finding]:
    """All findings, sorted by place; ``literals`` are secrets found in the text itself."""
    grouped: dict[Any, list[Any]] = {}
    for flow, (site, step) in analysis.solver.flows.items():
        source = flow[3]
        rule = rule_of(BY_BIT[site.bit], source.kind)
        doubts = analysis.solver.doubts[flow]
        doubts += doubts > 0 and length(step) > LONG_WAY
        confidence = _confidence(source, site, doubts)
        grouped.setdefault((site.file, site.position, rule), []).append((source, site, step, confidence))
    made = [_flow(key, group) for key, group in grouped.items()]
    for (file, position, rule), (pattern, dotted, function, grave) in analysis.solver.patterns.items():
        made.append(_pattern((file, position, rule), pattern, dotted, function, grave=grave))
    made += literals
    leveled = [_leveled(f, settings) for f in made]
    kept = [f for f in leveled if f is not None]
    kept.sort(key=lambda f: (f.at.path, f.at.line, f.at.column, f.rule, f.message))
    return _numbered(kept)


def concerns(finding: Finding, files: Container[str]) -> bool:
    """Whether a flow ends in one of some files, or passes through one on its way to a sink elsewhere."""
    return finding.at.path in files or any(step.path in files for step in finding.trace)


def _flow(key: Any, group: list[Any]) -> Finding:
    file, position, rule = key
    source, site, step, confidence = min(group, key=lambda g: (-CONFIDENCE.index(g[3]), length(g[2]), repr(g[0])))
    kind = BY_BIT[site.bit]
    level: Level = "note" if confidence == "low" else "warning" if site.model in WARNED else "error"
    cause = f"{source.kind} data from {source.text} ({source.file}:{line_of(source.position)})"
    return Finding(
        rule=rule,
        message=f"{kind.title}: {cause} reaches {site.callee}(); {kind.help}",
        at=Location(file, line_of(position), column_of(position) + 1),
        level=level,
        cwe=kind.cwe,
        trace=_trace(step),
        fingerprint=_digest(rule, source.model, source.text, site.callee, site.function),
        properties={
            "kind": VARIANTS.get(kind.name, kind.name),
            "confidence": confidence,
            "source": f"{source.file}:{line_of(source.position)} {source.text}",
            "sink": site.callee,
            "sources": len({(g[0].file, g[0].position) for g in group}),
            # What is left when code moves to another file or function: the way, without places.
            "context": _digest(rule, source.model, source.text, site.callee, *(words for *_, words in backwards(step))),
        },
    )


def _confidence(source: Source, site: Any, doubts: int) -> str:
    """The weaker of the source's and the sink's; less where an unknown callee lies between, still less far away."""
    if source.kind == "argument" and site.callee in NAMED_BY_USER:
        return "low"
    if source.model in LOG_ONLY and not site.bit & BIT["log"]:
        return "low"
    if doubts and site.bit == BIT["trust"]:
        return "low"  # a callee nobody knows may be the look-up or the check that makes it trustworthy
    known = CONFIDENCE.index(min(source.confidence, str(site.confidence), key=CONFIDENCE.index))
    return CONFIDENCE[max(known - doubts, 0)]


def _pattern(key: Any, pattern: Any, dotted: str, function: str, *, grave: bool) -> Finding:
    file, position, rule = key
    return Finding(
        rule=rule,
        message=f"{dotted}(): {pattern.message}",
        at=Location(file, line_of(position), column_of(position) + 1),
        level="warning" if pattern.id in WARNED or not grave else "error",
        cwe=pattern.cwe,
        fingerprint=_digest(rule, pattern.id, dotted, function),
        properties={
            "kind": rule.removeprefix("taint-"), "confidence": "high" if grave else "medium", "source": "",
            "sink": dotted, "sources": 0,
            "context": _digest(rule, pattern.id, dotted),
        },
    )  # fmt: skip


def _trace(step: Any) -> tuple[Location, ...]:
    made: list[Location] = []
    for file, position, words in backwards(step):
        one = Location(file, line_of(position), column_of(position) + 1, message=words)
        if not made or (made[-1].path, made[-1].line, made[-1].message) != (one.path, one.line, one.message):
            made.append(one)
    made.reverse()
    half = MAX_STEPS // 2
    return tuple(made if len(made) <= MAX_STEPS else made[:half] + made[-half:])


def _leveled(f: Finding, settings: TaintSettings) -> Finding | None:
    """The level a project gives the path; ``off`` drops the finding."""
    level: str = f.level
    for pattern in settings.test_files:
        if fnmatchcase(f.at.path if "/" in pattern else f.at.path.rpartition("/")[2], pattern):
            level = _lower(level, settings.test_level)
            break
    for pattern, wanted in settings.levels.items():
        if fnmatchcase(f.at.path, pattern):
            level = wanted if f.level != "note" or wanted == "off" else f.level
    if level == "off":
        return None
    from dataclasses import replace  # noqa: PLC0415 - kept near its only use

    return f if level == f.level else replace(f, level=cast("Level", level))


def _lower(a: str, b: str) -> str:
    order = ("off", "note", "warning", "error")
    return min(a, b, key=order.index)


def _numbered(found: list[Finding]) -> list[Finding]:
    """Fingerprints with an ordinal, so that two equal flows in one function stay two."""
    from dataclasses import replace  # noqa: PLC0415 - kept near its only use

    seen: Counter[str] = Counter()
    made = []
    for f in found:
        seen[f.fingerprint] += 1
        fingerprint = f"{f.fingerprint}-{seen[f.fingerprint]}"
        made.append(replace(f, fingerprint=fingerprint, properties={
            **f.properties, "fingerprint": fingerprint, "next": f"maestro taint explain {fingerprint}",
        }))  # fmt: skip
    return made


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
