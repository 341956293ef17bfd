"""The exported policy: what a release requires, as the verifier reads it (schema ``maestro.policy/1``).

Invariant: the document is canonical JSON and its SHA-256 is the manifest's policy digest, so the rules a verifier
applies are the rules the release was sealed under.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from fractions import Fraction
from hashlib import sha256
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, shape
from maestro_hooks.evidence.leaf import MAX_SCALE

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "maestro.policy/1"
ACCEPTABLE = ("pass", "warn", "skip")

_WHERE = "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What must hold for every leaf whose id matches ``require``, but not ``exempt`` (``*``: any characters).

    ``low`` and ``high`` are exact; ``when`` is the condition as exported: a rule with one applies only where the
    sealing side found it true, which a verifier cannot repeat.
    """

    id: str
    require: str
    accept: tuple[str, ...]
    low: Fraction | None
    high: Fraction | None
    severity: str
    when: Mapping[str, object] | None
    exempt: tuple[str, ...] = ()
    allow_empty: bool = False

    @property
    def binding(self) -> bool:
        """Whether the rule blocks a release unconditionally."""
        return self.severity == "block" and self.when is None

    def matches(self, leaf_id: str) -> bool:
        """Whether the rule speaks about ``leaf_id``."""
        return matches(self.require, leaf_id) and not any(matches(pattern, leaf_id) for pattern in self.exempt)


@dataclass(frozen=True, slots=True)
class Waiver:
    """One key accepted although unmet, by name, with an owner, from a day or moment to another."""

    key: str
    owner: str
    reason: str
    expires: datetime
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The parsed document and the digest of its bytes.

    ``exact`` maps a key to the blocking rules that name it, ``patterns`` holds the blocking rules with a star.
    """

    rules: tuple[Rule, ...]
    waivers: tuple[Waiver, ...]
    sha256: str
    exact: Mapping[str, tuple[Rule, ...]]
    patterns: tuple[Rule, ...]

    def blocking(self, leaf_id: str) -> list[Rule]:
        """The blocking rules that speak about ``leaf_id``."""
        return [*self.exact.get(leaf_id, ()), *(rule for rule in self.patterns if rule.matches(leaf_id))]

    def waived(self, leaf_id: str, *, now: datetime) -> Waiver | None:
        """The waiver in force for ``leaf_id``, if any."""
        in_force = (w for w in self.waivers if now <= w.expires and (w.since is None or w.since <= now))
        return next((w for w in in_force if w.key == leaf_id), None)


def matches(pattern: str, leaf_id: str) -> bool:
    """Whether ``pattern`` describes ``leaf_id``: ``*`` is any characters or none, the rest stands for itself.

    Leftmost matching of the fixed parts is enough, so the time is linear whatever the pattern.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == leaf_id
    *middle, last = rest
    if not leaf_id.startswith(first) or not leaf_id.endswith(last):
        return False
    position = len(first)
    for part in middle:
        found = leaf_id.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return position <= len(leaf_id) - len(last)


def parse_policy(data: bytes) -> Policy:
    """Parse an exported policy document. Raises ``EvidenceError``."""
    document = canonical.decode(data, canonical=True, where=_WHERE)
    body = shape.members(
        document,
        required=("schema", "rules", "waivers"),
        optional=("authors", "max_waiver_days"),  # they speak to the sealing side
        where=_WHERE,
    )
    shape.one_of(body["schema"], (SCHEMA,), where=f"{_WHERE} schema")
    rules = tuple(_parse_rule(item) for item in shape.array(body["rules"], where=f"{_WHERE} rules"))
    if len({rule.id for rule in rules}) != len(rules):
        raise EvidenceError("two rules have one id", where=f"{_WHERE} rules")
    waivers = tuple(_parse_waiver(item) for item in shape.array(body["waivers"], where=f"{_WHERE} waivers"))
    blocking = [rule for rule in rules if rule.severity == "block"]
    exact: dict[str, tuple[Rule, ...]] = {}
    for rule in blocking:
        if "*" not in rule.require:
            exact[rule.require] = (*exact.get(rule.require, ()), rule)
    patterns = tuple(rule for rule in blocking if "*" in rule.require)
    return Policy(rules, waivers, sha256(data).hexdigest(), exact, patterns)


def _parse_rule(value: object) -> Rule:
    where = f"{_WHERE} rule"
    body = shape.members(
        value,
        required=("id", "require", "severity"),
        optional=("accept", "min", "max", "scale", "when", "exempt", "allow_empty"),
        where=where,
    )
    where = f"{where} {shape.text(body['id'], where=where)!r:.80}"
    scale = shape.integer(body.get("scale", 1), low=1, high=MAX_SCALE, where=f"{where} scale")
    accept = shape.array(body.get("accept", ["pass"]), where=f"{where} accept")
    condition = body.get("when")
    if condition is not None and not isinstance(condition, dict):
        raise EvidenceError("expected a JSON object", where=f"{where} when")
    return Rule(
        id=str(body["id"]),
        require=shape.text(body["require"], where=f"{where} require"),
        accept=tuple(shape.one_of(item, ACCEPTABLE, where=f"{where} accept") for item in accept),
        low=Fraction(shape.decimal(body["min"], where=f"{where} min"), scale) if "min" in body else None,
        high=Fraction(shape.decimal(body["max"], where=f"{where} max"), scale) if "max" in body else None,
        severity=shape.one_of(body["severity"], ("block", "warn"), where=f"{where} severity"),
        when=condition,
        exempt=tuple(
            _parse_exempt(item, f"{where} exempt") for item in shape.array(body.get("exempt", []), where=where)
        ),
        allow_empty=_parse_flag(body.get("allow_empty", False), f"{where} allow_empty"),
    )


def _parse_exempt(value: object, where: str) -> str:
    return shape.text(shape.members(value, required=("key", "why"), where=where)["key"], where=where)


def _parse_flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise EvidenceError("expected true or false", where=where)
    return value


def _parse_waiver(value: object) -> Waiver:
    where = f"{_WHERE} waiver"
    body = shape.members(value, required=("key", "owner", "reason", "expires"), optional=("since",), where=where)
    key, owner, reason = (shape.text(body[name], where=f"{where} {name}") for name in ("key", "owner", "reason"))
    where = f"{where} {key!r:.80}"
    since = _moment(body["since"], time(0), f"{where} since") if "since" in body else None
    return Waiver(key, owner, reason, _moment(body["expires"], time(23, 59, 59), f"{where} expires"), since)


def _moment(value: object, hour: time, where: str) -> datetime:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return datetime.combine(date.fromisoformat(value), hour, UTC)
        except ValueError as error:
            raise EvidenceError(f"{value} is no day of the calendar", where=where) from error
    return shape.time(value, where=where)
