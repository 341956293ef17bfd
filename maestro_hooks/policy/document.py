"""The policy file: rules as data, read strictly, with its canonical form and digest.

Invariant: two policy files with the same meaning have the same digest, and a file with an unknown field, a
duplicate key, an alias or a value of the wrong type is refused with its place; it never lets anything through.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta

from maestro_hooks.errors import ConfigError
from maestro_hooks.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "maestro.policy/1"
MAX_BYTES = 1024 * 1024
MAX_DIGITS = 18
_LEAF_WORDS = {"met": "pass", "waived": "warn"}

Text = Annotated[str, Meta(min_length=1, max_length=1024)]


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a rule applies; every condition given must hold. An unknown fact counts as holding (the stricter side)."""

    branch: Annotated[str, Meta(description="Glob pattern of the branch name.")] | None = None
    environment: Literal["ci", "local"] | None = None
    files: Annotated[str, Meta(description="Glob pattern that some file of the tree matches.")] | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One requirement: the obligation ``require`` (key or glob) must be there, accepted, and inside the bounds."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]*\Z", max_length=100)]
    require: Text
    why: str = ""
    min: Decimal | None = None
    max: Decimal | None = None
    accept: tuple[Literal["met", "waived"], ...] = ("met", "waived")
    severity: Literal["block", "warn"] = "block"
    when: Conditions | None = None

    def __post_init__(self) -> None:
        for bound in (self.min, self.max):
            if bound is not None and (not bound.is_finite() or abs(bound.adjusted()) > MAX_DIGITS):
                raise ValueError(f"rule {self.id}: a bound has at most {MAX_DIGITS} digits, got {bound}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"rule {self.id}: min {self.min} is above max {self.max}")
        if not self.accept:
            raise ValueError(f"rule {self.id}: 'accept' is empty, so nothing could ever meet it")


class Waiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An unmet obligation somebody answers for, until a date."""

    key: Text
    owner: Text
    reason: Text
    expires: Text

    def __post_init__(self) -> None:
        try:
            dt.date.fromisoformat(self.expires)
        except ValueError:
            raise ValueError(f"waiver of {self.key}: expires must be a date YYYY-MM-DD, got {self.expires!r}") from None


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole policy file."""

    version: Literal[1]
    rules: Annotated[tuple[Rule, ...], Meta(min_length=1)]
    waivers: tuple[Waiver, ...] = ()

    def __post_init__(self) -> None:
        ids = [rule.id for rule in self.rules]
        repeated = sorted({i for i in ids if ids.count(i) > 1})
        if repeated:
            raise ValueError(f"rule ids must be unique: {', '.join(repeated)}")

    def exported(self) -> bytes:
        """The canonical JSON (RFC 8785) an auditor gets; its SHA-256 is the policy digest of the manifest."""
        rules = [_export_rule(rule) for rule in sorted(self.rules, key=lambda r: r.id)]
        waivers = [msgspec.to_builtins(w) for w in sorted(self.waivers, key=lambda w: (w.key, w.expires, w.owner))]
        return canonical.encode({"schema": SCHEMA, "rules": rules, "waivers": waivers})


def _export_rule(rule: Rule) -> dict[str, object]:
    exported: dict[str, object] = {
        "id": rule.id,
        "require": rule.require,
        "accept": sorted(_LEAF_WORDS[word] for word in set(rule.accept)),
        "severity": rule.severity,
    }
    bounds = [b for b in (rule.min, rule.max) if b is not None]
    if bounds:
        scale = 10 ** max(0, *(-int(b.normalize().as_tuple().exponent) for b in bounds))
        exported["scale"] = scale
        exported |= {n: str(int(b * scale)) for n, b in (("min", rule.min), ("max", rule.max)) if b is not None}
    if rule.when is not None:
        exported["when"] = msgspec.to_builtins(rule.when)
    return exported


def read_policy(data: bytes, *, where: str) -> Policy:
    """Parse and validate a policy file.

    Raises:
        ConfigError: with file, place in the document and what is wrong.
    """
    if len(data) > MAX_BYTES:
        raise ConfigError(f"larger than {MAX_BYTES} bytes", where=where, fix="split or shorten the policy")
    try:
        document = yaml.load(data.decode("utf-8"), Loader=_StrictLoader)  # noqa: S506  # nosec B506 - a SafeLoader
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8: {error}", where=where, fix="save the file as UTF-8") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"not a valid policy: {_words(error)}", where=where, fix="correct the file") from error
    try:
        return msgspec.convert(document, Policy)
    except msgspec.ValidationError as error:
        words, _, path = str(error).partition(" - at `")
        place = path.rstrip("`").removeprefix("$").lstrip(".")
        raise ConfigError(words, where=f"{where}: {place}" if place else where, fix="correct the rule") from error


def _words(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}"
    return str(error) or type(error).__name__


class _StrictLoader(yaml.SafeLoader):
    """YAML without aliases, duplicate keys, dates and binary floats: numbers with a point become ``Decimal``."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(None, None, "keys must be plain text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key.value!r}", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _construct_decimal(loader: _StrictLoader, node: yaml.ScalarNode) -> Decimal:
    text = str(loader.construct_scalar(node)).replace("_", "")
    if not re.fullmatch(r"[-+]?[0-9]{1,18}(\.[0-9]{1,18})?", text):
        raise yaml.constructor.ConstructorError(None, None, f"{text!r} is no exact decimal number", node.start_mark)
    return Decimal(text)


def _resolvers() -> Mapping[str, list[tuple[str, re.Pattern[str]]]]:
    """The default implicit types without dates and merge keys, so that 2027-01-01 stays text."""
    dropped = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge"}
    return {
        first: [(tag, pattern) for tag, pattern in entries if tag not in dropped]
        for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_StrictLoader.yaml_implicit_resolvers = dict(_resolvers())
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _construct_decimal)
