"""The policy file: rules as data, read strictly, with its canonical form and digest.

Invariant: two policy files with the same meaning have the same digest, and a file with an unknown field, a
duplicate key, an alias or a value of the wrong type is refused with its place; it never lets anything through.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical
from maestro_hooks.evidence.obligation import check_key
from maestro_hooks.evidence.policy_document import SCHEMA, matches, parse_policy
from maestro_hooks.policy.coherence import check_rules, check_waivers, describes_some_key
from maestro_hooks.policy.strict_yaml import read_yaml

MAX_DIGITS = 18
MAX_DAYS = 3660  # ten years: whoever answers for a waiver must still be there to ask
LAST_YEAR = 2099
MAX_PLACES = 12  # the finest scale a leaf may have
_LEAF_WORDS = {"met": "pass", "waived": "warn"}
_WORDS = {leaf: word for word, leaf in _LEAF_WORDS.items()}

Text = Annotated[str, Meta(min_length=1, max_length=1024)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]*\Z", max_length=100)]
Hazard = Literal["low", "medium", "high", "critical"]


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a rule applies; every condition given must hold. An unknown fact counts as holding (the stricter side).

    In patterns ``*`` stands for any characters or none, and everything else for itself.
    """

    branch: Annotated[str, Meta(min_length=1, description="Pattern of the branch name.")] | None = None
    environment: Literal["ci", "local"] | None = None
    files: Annotated[str, Meta(min_length=1, description="Pattern that some file of the tree matches.")] | None = None
    author: Annotated[str, Meta(description="Kind of the commit's author, declared under 'authors'.")] | None = None
    hazard: Annotated[Hazard, Meta(description="This hazard level or a higher one.")] | None = None

    def __post_init__(self) -> None:
        if not any(getattr(self, name) is not None for name in self.__struct_fields__):
            raise ValueError("'when' states no condition; leave it out")


class Exempt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, order=True):
    """Keys (or a pattern of keys) a rule's pattern does not speak about, and why."""

    key: Text
    why: Text


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One requirement: the obligation ``require`` (key or pattern) must be there, accepted, and inside the bounds."""

    id: Name
    require: Text
    why: str = ""
    min: Decimal | int | None = None
    max: Decimal | int | None = None
    accept: tuple[Literal["met", "waived"], ...] = ("met", "waived")
    severity: Literal["block", "warn"] = "block"
    when: Conditions | None = None
    exempt: Annotated[tuple[Exempt, ...], Meta(description="Keys the pattern does not speak about.")] = ()
    allow_empty: Annotated[bool, Meta(description="Whether the pattern may match nothing.")] = False

    def __post_init__(self) -> None:
        for name, bound in (("min", self.min), ("max", self.max)):
            if isinstance(bound, int):
                msgspec.structs.force_setattr(self, name, Decimal(bound))
            elif bound is not None and not _is_exact(bound):
                raise ValueError(
                    f"rule {self.id}: a bound has at most {MAX_DIGITS} digits, {MAX_PLACES} of them after the point,"
                    f" got {bound}"
                )
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"rule {self.id}: min {self.min} is above max {self.max}")
        if not self.accept:
            raise ValueError(f"rule {self.id}: 'accept' is empty, so nothing could ever meet it")
        if "*" not in self.require and (self.exempt or self.allow_empty):
            raise ValueError(f"rule {self.id}: 'exempt' and 'allow_empty' are for patterns; {self.require} is one key")
        check_required(self.id, self.require)
        for exempt in self.exempt:
            if matches(exempt.key, self.require):
                raise ValueError(f"rule {self.id}: the exemption {exempt.key!r} takes away all the rule speaks about")
            if not describes_some_key(self.require, exempt.key):
                raise ValueError(f"rule {self.id}: the exemption {exempt.key!r} takes nothing from {self.require!r}")


class Waiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """An unmet obligation somebody answers for, from the day ``since`` to the end of the day ``expires`` (UTC)."""

    key: Text
    owner: Text
    reason: Text
    expires: Text
    since: Text | None = None

    def __post_init__(self) -> None:
        until, since = self._day("expires"), self._day("since")
        if until is not None and since is not None and since > until:
            raise ValueError(f"waiver of {self.key}: it begins on {since}, after it expires")
        if "*" in self.key:
            raise ValueError(f"waiver of {self.key}: a waiver names one key, never a pattern")
        check_key(self.key)
        if until is not None and (until.year > LAST_YEAR or (since is not None and (until - since).days > MAX_DAYS)):
            raise ValueError(
                f"waiver of {self.key}: {self.expires} is no expiry; a waiver lasts at most {MAX_DAYS} days"
                f" and ends by {LAST_YEAR}"
            )

    def _day(self, name: str) -> dt.date | None:
        text = getattr(self, name)
        if text is None:
            return None
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            try:
                return dt.date.fromisoformat(text)
            except ValueError:
                pass
        raise ValueError(
            f"waiver of {self.key}: {name} must be a date YYYY-MM-DD, without a time or a time zone, got {text!r}"
        )

    @property
    def window(self) -> tuple[dt.date, dt.date]:
        """The first and the last day of the waiver."""
        since = dt.date.min if self.since is None else dt.date.fromisoformat(self.since)
        return since, dt.date.fromisoformat(self.expires)

    def in_force(self, today: dt.date) -> bool:
        """Whether the waiver holds on ``today``."""
        since, until = self.window
        return since <= today <= until


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A policy this one adds to: a file below the repository root, pinned by the SHA-256 of its bytes."""

    file: Text
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole policy file; one that was read through ``load_policy`` has its layers merged in."""

    version: Literal[1]
    rules: Annotated[tuple[Rule, ...], Meta(min_length=1)]
    waivers: tuple[Waiver, ...] = ()
    authors: Annotated[dict[Name, tuple[Text, ...]], Meta(description="Kind of author to e-mail patterns.")] = {}
    max_waiver_days: Annotated[int, Meta(ge=1, le=MAX_DAYS, description="How long a waiver may last.")] | None = None
    extends: tuple[Layer, ...] = ()

    def __post_init__(self) -> None:
        check_rules(self.rules)
        check_waivers(self.waivers, self.max_waiver_days)

    def exported(self) -> bytes:
        """The canonical JSON (RFC 8785) an auditor gets; its SHA-256 is the policy digest of the manifest."""
        body: dict[str, object] = {
            "schema": SCHEMA,
            "rules": [_export_rule(rule) for rule in sorted(self.rules, key=lambda r: r.id)],
            "waivers": [
                msgspec.to_builtins(w)
                for w in sorted(self.waivers, key=lambda w: (w.key, w.expires, w.owner, w.since or "", w.reason))
            ],
        }
        if self.authors:
            body["authors"] = {kind: sorted(set(patterns)) for kind, patterns in sorted(self.authors.items())}
        if self.max_waiver_days is not None:
            body["max_waiver_days"] = self.max_waiver_days
        return canonical.encode(body)


def check_required(rule: str, require: str) -> None:
    """Raise ``ValueError`` unless some obligation can have a key that ``require`` describes."""
    if "*" in require:
        if not describes_some_key(require):
            raise ValueError(f"rule {rule}: no key can match {require!r}; a key reads plugin/metric[/subject]")
        return
    try:
        check_key(require)
    except ValueError as error:
        raise ValueError(f"rule {rule}: {error}") from None


def _is_exact(bound: Decimal) -> bool:
    """Whether the verifier's reader can hold the bound exactly: it reads a scaled integer."""
    if not bound.is_finite() or abs(bound.adjusted()) >= MAX_DIGITS:
        return False
    scaled = Fraction(bound) * Fraction(10**MAX_PLACES)
    return scaled.denominator == 1


def _export_rule(rule: Rule) -> dict[str, object]:
    exported: dict[str, object] = {
        "id": rule.id,
        "require": rule.require,
        "accept": sorted(_LEAF_WORDS[word] for word in set(rule.accept)),
        "severity": rule.severity,
    }
    bounds = {name: Fraction(b) for name, b in (("min", rule.min), ("max", rule.max)) if b is not None}
    if bounds:
        places = range(MAX_PLACES + 1)
        scale = next(10**n for n in places if all((b * 10**n).denominator == 1 for b in bounds.values()))
        exported["scale"] = scale
        exported |= {name: str(int(bound * scale)) for name, bound in bounds.items()}
    if rule.when is not None:
        exported["when"] = msgspec.to_builtins(rule.when)
    if rule.exempt:
        exported["exempt"] = [msgspec.to_builtins(e) for e in sorted(set(rule.exempt))]
    if rule.allow_empty:
        exported["allow_empty"] = True
    return exported


def read_policy(data: bytes, *, where: str) -> Policy:
    """Parse and validate one policy file; the layers it names are not read.

    Raises:
        ConfigError: with file, line, column and what is wrong.
    """
    return read_yaml(data, where=where).convert(Policy)


def from_exported(data: bytes) -> Policy:
    """The policy whose canonical export is ``data``; explanations ('why') are no part of it.

    Raises:
        EvidenceError: it is no exported policy.
    """
    parse_policy(data)  # what the verifier refuses, this refuses
    body: Any = canonical.decode(data, canonical=True, where="policy")
    rules = []
    for exported in body["rules"]:
        rule = dict(exported)
        scale = rule.pop("scale", 1)
        rule |= {name: _unscaled(rule[name], scale) for name in ("min", "max") if name in rule}
        rule["accept"] = [_WORDS.get(word, word) for word in rule.get("accept", ["pass"])]
        rules.append(rule)
    document = {**body, "version": 1, "rules": rules}
    del document["schema"]
    try:
        return msgspec.convert(document, Policy)
    except msgspec.ValidationError as error:
        raise EvidenceError(f"not a policy of this version: {error}", where="policy") from error


def _unscaled(text: str, scale: int) -> Decimal:
    """An exact decimal from its scaled integer, built from digits so that no context's precision touches it."""
    places = len(str(scale)) - 1
    if scale != 10**places:
        raise EvidenceError(f"scale {scale} is no power of ten", where="policy")
    value = int(text)
    return Decimal((value < 0, tuple(map(int, str(abs(value)))), -places))
