"""``maestro taint``: explain a flow, keep a baseline, try the rules, repair.

Invariant: every verb says what it did; an unknown fingerprint is a usage error, never silence.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from maestro_hooks.errors import ExitCode, UsageError
from maestro_hooks.pipeline.gates import source_files
from maestro_hooks.project.files import write_atomic
from maestro_hooks.render import emit
from maestro_hooks.workspace import open_workspace
from maestro_taint import explaining, secret_literals
from maestro_taint.analysis import analyse
from maestro_taint.gate import matches
from maestro_taint.models.load import project_models
from maestro_taint.report import baseline
from maestro_taint.report.findings import findings_of
from maestro_taint.settings import TaintSettings

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Finding
    from maestro_hooks.requests import SourceFile
    from maestro_taint.models.model import Models


def run(arguments: Namespace) -> ExitCode:
    """Run one verb."""
    if arguments.verb == "selftest":
        return _selftest(arguments)
    root, files, settings = project(arguments.root)
    if arguments.verb == "fix":
        return _fix(arguments, root, files, settings)
    models = project_models(root, settings)
    result = analyse([(f.path, f.data) for f in files], models)
    literals = [one for f in files for one in secret_literals.findings(f.path, f.data)]
    found = findings_of(result, settings, models, literals)
    if arguments.verb == "explain":
        return _explain(arguments, found, files, settings, models, root)
    return _baseline(arguments, root, [f for f in found if f.level == "error"], settings)


def project(start: Path) -> tuple[Path, list[SourceFile], TaintSettings]:
    """The root of the repository around ``start``, the files to analyse in it, and the plugin's settings."""
    workspace = open_workspace(start)
    table = workspace.host.tables.get("taint")
    settings = table if isinstance(table, TaintSettings) else TaintSettings()
    files = source_files(workspace.repository, only=None, exclude=workspace.host.settings.exclude)
    chosen = [f for f in files if f.is_python and not matches(f.path, settings.exclude)]
    return workspace.root, chosen, settings


def _one(found: list[Finding], prefix: str) -> Finding:
    hits = [f for f in found if f.fingerprint.startswith(prefix)]
    if len(hits) != 1:
        what = "no finding has this fingerprint" if not hits else f"{len(hits)} findings begin like this"
        raise UsageError(what, where=prefix, fix="'maestro check --only taint --jsonl' prints fingerprints")
    return hits[0]


def _explain(
    arguments: Namespace,
    found: list[Finding],
    files: list[SourceFile],
    settings: TaintSettings,
    models: Models,
    root: Path,
) -> ExitCode:
    finding = _one(found, arguments.finding)
    trial = explaining.try_repair(finding, {f.path: f.data for f in files}, settings, models, root)
    emit(explaining.payload(finding, trial), explaining.described(finding, trial, root), as_json=arguments.json)
    return ExitCode.OK


def _baseline(arguments: Namespace, root: Path, found: list[Finding], settings: TaintSettings) -> ExitCode:
    if arguments.expires:
        try:
            dt.date.fromisoformat(arguments.expires)
        except ValueError as error:
            raise UsageError("no ISO day", where=f"--expires {arguments.expires}", fix="write YYYY-MM-DD") from error
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    place = root / settings.baseline
    made = baseline.write(
        place, found, owner=arguments.owner, reason=arguments.reason, expires=arguments.expires, today=today
    )
    payload = {
        "schema": "maestro.taint-baseline/1",
        "ok": True,
        "entries": len(made.entries),
        "file": settings.baseline,
    }
    emit(
        payload,
        [f"{settings.baseline}: {len(made.entries)} flows accepted, owner {arguments.owner}"],
        as_json=arguments.json,
    )
    return ExitCode.OK


def _fix(arguments: Namespace, root: Path, files: list[SourceFile], settings: TaintSettings) -> ExitCode:
    from maestro_taint.fixes.apply import repair  # noqa: PLC0415 - libcst only for repairs
    from maestro_taint.fixes.tree import Tree  # noqa: PLC0415 - see above

    models = project_models(root, settings)
    old = {f.path: f.data for f in files}
    tree = Tree(dict(old), settings, models, root)
    only = {_one(tree.findings(), arguments.finding).fingerprint} if arguments.finding else None
    outcomes = repair(tree, only)
    lines = [f"{o.finding.at.path}:{o.finding.at.line}: {o.finding.rule} {o.state}: {o.detail}" for o in outcomes]
    if arguments.dry_run:
        lines += explaining.diff(old, tree.files)
    else:
        for f in files:
            if tree.files[f.path] != old[f.path]:
                write_atomic(f.place, tree.files[f.path], mode=f.place.stat().st_mode & 0o777)
    states = [{"file": o.finding.at.path, "line": o.finding.at.line, "rule": o.finding.rule, "state": o.state,
               "detail": o.detail} for o in outcomes]  # fmt: skip
    good = all(o.state == "verified" for o in outcomes)
    emit(
        {"schema": "maestro.taint-fix/1", "ok": good, "fixes": states},
        lines or ["nothing to repair"],
        as_json=arguments.json,
    )
    return ExitCode.OK if good else ExitCode.UNMET


def _selftest(arguments: Namespace) -> ExitCode:
    from maestro_taint.models.probes import silent  # noqa: PLC0415 - only this verb needs it

    checked, quiet = silent()
    lines = [f"{checked} sink models tried, {len(quiet)} silent", *(f"  silent: {name}" for name in quiet)]
    emit(
        {"schema": "maestro.taint-selftest/1", "ok": not quiet, "checked": checked, "silent": quiet},
        lines,
        as_json=arguments.json,
    )
    return ExitCode.OK if not quiet else ExitCode.UNMET
