"""``maestro policy``: check the policy, run its tests, measure how well they test it, explain it, export it."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.config import host_settings
from maestro_hooks.discovery import find_plugins
from maestro_hooks.errors import ConfigError, ExitCode, UsageError
from maestro_hooks.evidence.ledger import read_all
from maestro_hooks.policy.cases import case_of, cases_name
from maestro_hooks.policy.explaining import about, demand
from maestro_hooks.policy.load import read_layers
from maestro_hooks.policy.problems import problems
from maestro_hooks.policy.program import compile_policy
from maestro_hooks.project.repository import Repository
from maestro_hooks.render import emit, table
from maestro_hooks.workspace import read_configuration

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable
    from fractions import Fraction

    from maestro_hooks.policy.cases import Suite
    from maestro_hooks.policy.document import Policy
    from maestro_hooks.policy.program import Program
    from maestro_hooks.policy.scoring import Score
    from maestro_hooks.policy.strict_yaml import Document

MAX_SHOWN = 50


def add_arguments(parser: ArgumentParser) -> None:
    """The action and its options."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=("check", "test", "mutate", "explain", "export"),
        default="check",
        help="check the file; run its cases; change it in every small way and see whether a case notices;"
        " say what it demands; print what an auditor or a cluster reads",
    )
    parser.add_argument("key", nargs="?", metavar="KEY", help="explain: an obligation to explain the rules of")
    parser.add_argument("--policy", metavar="FILE", help="a policy below the root; default: the configured one")
    parser.add_argument("--suggest", action="store_true", help="mutate: print cases for the mutants that survive")
    parser.add_argument("--cel", action="store_true", help="export: a Kubernetes ValidatingAdmissionPolicy in CEL")


@dataclass(frozen=True, slots=True)
class Subject:
    """The policy a command works on."""

    repository: Repository
    name: str
    policy: Policy
    document: Document


def run(arguments: Namespace) -> ExitCode:
    """0 in order, 1 a case fails or a mutant survives, 2 a policy or case file that is wrong, with its place."""
    repository, found = Repository.find(arguments.root), find_plugins()
    settings = host_settings(read_configuration(repository.root, found), (f.name for f in found))
    name = arguments.policy or settings.policy
    if arguments.key and arguments.action != "explain":
        raise UsageError(f"'{arguments.action}' takes no KEY", fix="maestro policy explain KEY")
    policy, document = read_layers(repository.root, name)
    actions: dict[str, Callable[[Subject, Namespace], ExitCode]] = {
        "check": _check,
        "test": _test,
        "mutate": _mutate,
        "explain": _explain,
        "export": _export,
    }
    return actions[arguments.action](Subject(repository, name, policy, document), arguments)


def _check(subject: Subject, arguments: Namespace) -> ExitCode:
    policy, repository = subject.policy, subject.repository
    ledger = read_all(repository.root / ".maestro" / "ledger", run=repository.run_id())
    keys = {entry.record.key for segment in ledger.segments for entry in segment.entries}
    files = [path for path, _ in repository.files()]
    found = list(problems(policy, subject.document, today=dt.datetime.now(dt.UTC).date(), keys=keys, files=files))
    if len(found) == 1:
        raise ConfigError(found[0].what, where=found[0].where, fix=found[0].fix)
    if found:
        raise ConfigError("\n".join(map(str, found)), fix="mend each place above")
    digest = hashlib.sha256(policy.exported()).hexdigest()
    lines = [f"{subject.name}: {len(policy.rules)} rules, {len(policy.waivers)} waivers, sha256 {digest}", ""]
    lines += _told(policy)
    if not keys:
        lines += ["", "nothing is recorded here yet, so patterns were not tried"]
    payload = {"schema": "maestro.policy-check/1", "ok": True, "digest": digest, "patterns_tried": bool(keys)}
    payload |= {"rules": msgspec.to_builtins(policy.rules), "waivers": msgspec.to_builtins(policy.waivers)}
    emit(payload, lines, as_json=arguments.json)
    return ExitCode.OK


def _told(policy: Policy) -> list[str]:
    """Each rule with what it demands and why, then each waiver."""
    lines: list[str] = []
    for rule in policy.rules:
        lines.append(f"{rule.id} ({rule.severity}): {demand(rule)}")
        lines += [f"    {' '.join(rule.why.split())}"] if rule.why else []
    lines += [f"waived until {w.expires}: {w.key} by {w.owner}: {w.reason}" for w in policy.waivers]
    return lines


def _suite(subject: Subject) -> Suite:
    from maestro_hooks.policy.cases import read_suite  # noqa: PLC0415 - only where cases are run

    name = cases_name(subject.name)
    try:
        data = (subject.repository.root / name).read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read the policy's cases: {error.strerror}",
            where=name,
            fix="'maestro policy mutate --suggest' writes a first case file on standard output; review and keep it",
        ) from error
    return read_suite(data, where=name, rules=[rule.id for rule in subject.policy.rules])


def _test(subject: Subject, arguments: Namespace) -> ExitCode:
    from maestro_hooks.policy.cases import failures  # noqa: PLC0415 - as above

    suite = _suite(subject)
    failed = failures(compile_policy(subject.policy), suite.cases)
    lines = [f"FAIL {f.name}: {f.words}" for f in failed]
    lines.append(f"{len(suite.cases) - len(failed)} of {len(suite.cases)} cases pass")
    payload = {"schema": "maestro.policy-test/1", "ok": not failed, "cases": len(suite.cases)}
    payload["failed"] = [{"name": f.name, "words": f.words} for f in failed]
    emit(payload, lines, as_json=arguments.json)
    return ExitCode.UNMET if failed else ExitCode.OK


def _mutate(subject: Subject, arguments: Namespace) -> ExitCode:
    from maestro_hooks.policy.scoring import report, score  # noqa: PLC0415 - as above

    program = compile_policy(subject.policy)
    place = subject.repository.root / cases_name(subject.name)
    # A shell has already made the file that the output is sent to.
    if arguments.suggest and (not place.exists() or not place.stat().st_size):
        return _first_suite(subject, program, arguments)
    suite = _suite(subject)
    result = score(program, suite.cases)
    offered: list[str] = []
    if arguments.suggest:
        from maestro_hooks.policy.suggesting import suggestions  # noqa: PLC0415 - as above

        offered = list(suggestions(result, program, suite))
    lines = _score_lines(result)
    if offered:
        lines += ["", "# review each expectation, then add to the cases:", *offered]
    emit({**report(result), "suggested": offered}, lines, as_json=arguments.json)
    return ExitCode.OK if result.effective == 1 else ExitCode.UNMET


def _first_suite(subject: Subject, program: Program, arguments: Namespace) -> ExitCode:
    """A whole case file for a policy that has none, on standard output."""
    from maestro_hooks.policy.cases import read_suite  # noqa: PLC0415 - as above
    from maestro_hooks.policy.scoring import report, score  # noqa: PLC0415 - as above
    from maestro_hooks.policy.suggesting import first_cases, suggestions  # noqa: PLC0415 - as above

    name, head = cases_name(subject.name), first_cases(program)
    first = "  - {name: the obligations above, expect: pass}\n"
    suite = read_suite((head + first).encode(), where=name, rules=[rule.id for rule in subject.policy.rules])
    fine = case_of(suite.cases[0].name, suite.cases[0].observed(program))
    result = score(program, [])
    offered = list(suggestions(result, program, suite))
    lines = [f"# Review each expectation, then keep this file as {name}.", head.rstrip("\n"), fine, *offered]
    emit({**report(result), "suggested": offered, "file": "\n".join(lines)}, lines, as_json=arguments.json)
    return ExitCode.UNMET


def _score_lines(result: Score) -> list[str]:
    lines = [f"case fails on the policy itself: {f.name}: {f.words}" for f in result.failed]
    rows = [(name, str(count), str(killed)) for name, (killed, count) in result.operators.items()]
    lines += table(("operator", "mutants", "killed"), rows)
    lines += [f"survived: {m.rule}: {m.words}" for m in result.survived[:MAX_SHOWN]]
    if len(result.survived) > MAX_SHOWN:
        lines.append(f"and {len(result.survived) - MAX_SHOWN} more (--json lists all)")
    lines += [f"equivalent (no grid point differs): {m.rule or 'all rules'}: {m.words}" for m in result.equivalent]
    share = f"{_percent(result.raw)} of {result.total} mutants"
    lines.append(f"killed {share}, {_percent(result.effective)} of those that are not equivalent")
    return lines


def _percent(share: Fraction) -> str:
    """A share in per cent, cut and never rounded up to 100."""
    hundredths = int(share * 10_000)
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


def _explain(subject: Subject, arguments: Namespace) -> ExitCode:
    policy = subject.policy
    lines = about(policy, arguments.key) if arguments.key else _told(policy)
    emit({"schema": "maestro.policy-explain/1", "ok": True, "lines": lines}, lines, as_json=arguments.json)
    return ExitCode.OK


def _export(subject: Subject, arguments: Namespace) -> ExitCode:
    if arguments.cel:
        from maestro_hooks.policy.cel import admission_policy  # noqa: PLC0415 - as above

        manifest = admission_policy(subject.policy)
        payload = {"schema": "maestro.policy-export/1", "ok": True, "cel": manifest}
        emit(payload, [manifest], as_json=arguments.json)
    else:
        emit({}, [subject.policy.exported().decode()], as_json=False)
    return ExitCode.OK
