"""Policy tests: cases in YAML beside the policy, each a few changes to obligations every rule accepts.

Invariant: a case says exactly which rules block and which only warn, so a change of any rule that the obligations of
a case can show is seen.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from maestro_hooks.errors import ConfigError
from maestro_hooks.evidence.obligation import Obligation, Verdict, check_key
from maestro_hooks.evidence.policy_document import matches
from maestro_hooks.evidence.record import Record, error_record, record_of
from maestro_hooks.policy.coherence import MisplacedError
from maestro_hooks.policy.document import Text
from maestro_hooks.policy.evaluate import Observation, Settled, observe, settle
from maestro_hooks.policy.facts import Facts
from maestro_hooks.policy.program import Program, Window
from maestro_hooks.policy.situation import NO_INPUTS, PRODUCER
from maestro_hooks.policy.strict_yaml import read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from maestro_hooks.policy.strict_yaml import Document

DEFAULT_DAY = "2026-01-01"


class CaseFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Facts as a case writes them; what is left out is taken from the file's facts, an empty text is unknown."""

    branch: str | None = None
    environment: Literal["ci", "local", ""] | None = None
    files: tuple[str, ...] | None = None
    author: str | None = None
    hazard: Literal["low", "medium", "high", "critical", ""] | None = None


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One case: what differs from the common obligations, and which rules then block or warn (exactly these)."""

    name: Text
    given: Annotated[dict[str, Any], Meta(description="Obligations that replace or join the common ones.")] = {}
    without: Annotated[tuple[Text, ...], Meta(description="Patterns of keys that were not recorded.")] = ()
    waived: Annotated[tuple[Text, ...], Meta(description="Keys under a waiver in force, beside the policy's own.")] = ()
    facts: CaseFacts = CaseFacts()
    today: Text | None = None
    expect: Literal["pass", "block"]
    by: Annotated[tuple[Text, ...], Meta(description="The rules that block.")] = ()
    warns: Annotated[tuple[Text, ...], Meta(description="The advisory rules that are not met.")] = ()

    def __post_init__(self) -> None:
        if (self.expect == "block") != bool(self.by):
            raise ValueError(f"case {self.name!r}: 'expect: block' names the rules under 'by', 'expect: pass' none")


class CaseFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file. ``obligations`` are accepted by every rule; cases change them."""

    version: Literal[1]
    obligations: dict[str, Any]
    cases: Annotated[tuple[Case, ...], Meta(min_length=1)]
    facts: CaseFacts = CaseFacts()
    today: Text = DEFAULT_DAY

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for i, case in enumerate(self.cases):
            if case.name in seen:
                raise MisplacedError(f"case names must be unique: {case.name}", f"$.cases[{i}].name")
            seen.add(case.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A case ready to run: its records, facts, day and waivers, and what is expected."""

    name: str
    records: tuple[Record, ...]
    facts: Facts
    today: dt.date
    waived: tuple[str, ...]
    expected: Observation

    def settled(self, program: Program) -> Settled:
        """The records under the waivers of ``program`` and those of the case."""
        extra = tuple(Window(key, self.today, self.today) for key in self.waived)
        return settle(replace(program, waivers=(*program.waivers, *extra)), self.records, self.today)

    def observed(self, program: Program) -> Observation:
        """What ``program`` makes of the case."""
        return observe(program, self.settled(program), self.facts)


@dataclass(frozen=True, slots=True)
class Suite:
    """All prepared cases of a file, the common obligations they start from, and the document that locates them."""

    cases: tuple[Prepared, ...]
    file: CaseFile
    document: Document


def cases_name(policy_name: str) -> str:
    """The file beside the policy: ``maestro-policy.yaml`` has its cases in ``maestro-policy.cases.yaml``."""
    path = PurePosixPath(policy_name)
    return str(path.with_name(f"{path.stem}.cases.yaml"))


def read_suite(data: bytes, *, where: str, rules: Sequence[str]) -> Suite:
    """Read a case file for a policy with these rule ids.

    Raises:
        ConfigError: with file, line and column; also for a case that names no rule of the policy.
    """
    document = read_yaml(data, where=where)
    file = document.convert(CaseFile)
    known = frozenset(rules)
    for key, value in file.obligations.items():
        try:
            _record(key, value)
        except ValueError as error:
            place = document.at(f"$.obligations.{key}")
            raise ConfigError(str(error), where=place, fix="correct the obligation") from error
    prepared = []
    for i, case in enumerate(file.cases):
        for name in ("by", "warns"):
            unknown = sorted(set(getattr(case, name)) - known)
            if unknown:
                place = document.at(f"$.cases[{i}].{name}")
                raise ConfigError(f"no rule {unknown[0]!r} in the policy", where=place, fix="correct the rule's id")
        try:
            prepared.append(prepare(file, case))
        except ValueError as error:
            raise ConfigError(str(error), where=document.at(f"$.cases[{i}]"), fix="correct the case") from error
    return Suite(tuple(prepared), file, document)


def prepare(file: CaseFile, case: Case) -> Prepared:
    """One case as records and facts. Raises ``ValueError`` with words."""
    obligations = {
        key: value
        for key, value in file.obligations.items()
        if not any(matches(pattern, key) for pattern in case.without)
    }
    facts = {
        name: next((f for f in (getattr(case.facts, name), getattr(file.facts, name)) if f is not None), None)
        for name in CaseFacts.__struct_fields__
    }
    return Prepared(
        name=case.name,
        records=tuple(_record(key, value) for key, value in sorted((obligations | case.given).items())),
        facts=Facts(**{name: value for name, value in facts.items() if value is not None}),
        today=_day(case.today or file.today),
        waived=case.waived,
        expected=Observation(frozenset(case.by), frozenset(case.warns)),
    )


def _day(text: str) -> dt.date:
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        raise ValueError(f"today must be a date YYYY-MM-DD, got {text!r}") from None


def _record(key: str, spec: object) -> Record:
    """A record from ``0``, ``0.95``, a text, or ``{value: 0.95, min: 0.9, max: 1, verdict: unmet}``."""
    body: dict[str, Any] = spec if isinstance(spec, dict) else {"value": spec}
    unknown = sorted(set(body) - {"value", "min", "max", "verdict"})
    if unknown:
        raise ValueError(f"{key}: unknown field {unknown[0]!r}; known: value, min, max, verdict")
    check_key(key)
    verdict = body.get("verdict")
    if verdict == "error" and "value" not in body:
        return error_record(key, producer=PRODUCER, inputs=NO_INPUTS, error="the gate failed")
    if verdict not in (None, "met", "unmet", "error"):
        raise ValueError(f"{key}: verdict is met, unmet or error, got {verdict!r}")
    value = body.get("value")
    if not isinstance(value, bool | int | Decimal | str):
        raise ValueError(  # noqa: TRY004 - one error type for a malformed case
            f"{key}: a value is a number, a text, true or false, got {value!r}"
        )
    numbers = [n for n in (value, body.get("min"), body.get("max")) if isinstance(n, Decimal)]
    scale = 10 ** max((-int(n.as_tuple().exponent) for n in numbers), default=0)
    obligation = Obligation(key=key, value=value, min=body.get("min"), max=body.get("max"), scale=scale)
    record = record_of(obligation, producer=PRODUCER, inputs=NO_INPUTS)
    return record if verdict is None else msgspec.structs.replace(record, verdict=Verdict(verdict))


@dataclass(frozen=True, slots=True)
class Failed:
    """A case whose outcome is not what it expects, in words."""

    name: str
    words: str


def failures(program: Program, cases: Sequence[Prepared]) -> tuple[Failed, ...]:
    """The cases that ``program`` does not decide as they expect."""
    failed = []
    for case in cases:
        seen = case.observed(program)
        if seen != case.expected:
            failed.append(Failed(case.name, f"expected {told(case.expected)}, got {told(seen)}"))
    return tuple(failed)


def told(observation: Observation) -> str:
    """``blocked by a, b; warned by c`` or ``pass``."""
    parts = [f"blocked by {', '.join(sorted(observation.blocks))}" if observation.blocks else "pass"]
    parts += [f"warned by {', '.join(sorted(observation.warns))}"] if observation.warns else []
    return "; ".join(parts)


def value_of(number: Fraction) -> object:
    """A number as a case writes it: an integer, or a decimal. Raises ``ValueError`` if it has no finite decimal."""
    if number.denominator == 1:
        return int(number)
    places = next((n for n in range(1, 13) if 10**n % number.denominator == 0), None)
    if places is None:
        raise ValueError(f"{number} is no decimal of at most 12 places")
    digits = tuple(map(int, str(abs(number.numerator * 10**places // number.denominator))))
    return Decimal((number < 0, digits, -places))


def case_yaml(case: Mapping[str, object]) -> str:
    """One case as YAML text, one field a line."""
    lines = [f"{'  - ' if not i else '    '}{name}: {flow(value)}" for i, (name, value) in enumerate(case.items())]
    return "\n".join(lines)


def case_of(name: str, seen: Observation) -> str:
    """A case that changes nothing and expects what was seen, as YAML text."""
    fields: dict[str, object] = {"name": name, "expect": "block" if seen.blocks else "pass"}
    return case_yaml(fields | {k: sorted(v) for k, v in (("by", seen.blocks), ("warns", seen.warns)) if v})


def flow(value: object) -> str:
    """A value in YAML's flow style, which JSON is part of."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(v) for v in value) + "]"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return msgspec.json.encode(value).decode()
