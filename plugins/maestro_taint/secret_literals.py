"""Secrets written as string literals, by detect-secrets' plugins.

A provider's own form (AWS, GitHub, a private key, ...) blocks; so does a text of high entropy under a secret's name. A
name alone gives a note. Invariant: the secret itself is in no message, fingerprint or property.
"""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from maestro_hooks.evidence.obligation import Finding, Level, Location
from maestro_taint.engine.personal import kind_of_name
from maestro_taint.frontend.parse import Parsed, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

RULE = "taint-secret-literal"
# What the plugins look for, roughly: a file without any of it needs no second look.
TRIGGERS = re.compile(
    rb"(?i:pass(?:word|wd|phrase)?|pwd|secret|token|api_?key|credential|private_?key|access_?key|auth)\w*['\"]?\]?\s*"
    rb"(?::[^=\n]{1,40})?[=:(]\s*\w{0,2}['\"]|"
    rb"AKIA|ASIA|ABIA|ACCA|A3T|gh[pousr]_|github_pat_|glpat-|xox[abposr]|hooks\.slack|[rs]k_live|SG\.|eyJ|PRIVATE KEY|"
    rb"://[^/\s:'\"]*:[^@\s'\"]+@|AccountKey=|\b(?:AC|SK)[a-z0-9]{32}|_authToken|pypi-|sk-|sq0csp|-us\d|AKC[a-zA-Z0-9]|"
    rb"\d{8,10}:[\w-]{35}|[MNO][A-Za-z\d]{23}|(?i:softlayer|cloudant|ibm_?cos|iam)"
)
PROVIDERS = (
    "artifactory.ArtifactoryDetector", "aws.AWSKeyDetector", "azure_storage_key.AzureStorageKeyDetector",
    "basic_auth.BasicAuthDetector", "cloudant.CloudantDetector", "discord.DiscordBotTokenDetector",
    "github_token.GitHubTokenDetector", "gitlab_token.GitLabTokenDetector", "ibm_cloud_iam.IbmCloudIamDetector",
    "ibm_cos_hmac.IbmCosHmacDetector", "jwt.JwtTokenDetector", "mailchimp.MailchimpDetector", "npm.NpmDetector",
    "openai.OpenAIDetector", "private_key.PrivateKeyDetector", "pypi_token.PypiTokenDetector",
    "sendgrid.SendGridDetector",
    "slack.SlackDetector", "softlayer.SoftlayerDetector", "square_oauth.SquareOAuthDetector", "stripe.StripeDetector",
    "telegram_token.TelegramBotTokenDetector", "twilio.TwilioKeyDetector",
)  # fmt: skip
# Base64 text carries at most 6 bits a character, hexadecimal 4: detect-secrets' own limits.
LIMITS = (
    ("Base64HighEntropyString", 4.5, r"[A-Za-z0-9+/=_-]{16,}"),
    ("HexHighEntropyString", 3.0, r"[0-9a-fA-F]{16,}"),
)
PLACEHOLDER = re.compile(
    r"example|change.?me|your[_-]|placeholder|dummy|sample|fake|redacted|<[^>]*>|\{[^}]*\}|"
    r"^\$\{?\w|%\(|xxxx|\*\*\*|^test|todo|"
    r"^(?:none|null|true|false|password|passwd|secret|token|api_?key)$|insert|replace",
    re.IGNORECASE,
)
MAX_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class Literal:
    """A string literal, the name it is given (or empty), and where."""

    text: str
    name: str
    line: int
    column: int


def findings(path: str, data: bytes) -> list[Finding]:
    """The secrets in one file's literals."""
    if TRIGGERS.search(data) is None:
        return []
    parsed = parse(data)
    if not isinstance(parsed, Parsed):
        return []  # said elsewhere: the file is not analysed
    made: dict[tuple[int, int], Finding] = {}
    for literal in _literals(parsed.tree):
        judged = _judged(literal)
        if judged is not None:
            kind, level, confidence = judged
            made.setdefault((literal.line, literal.column), _finding(path, literal, kind, level, confidence))
    return [made[k] for k in sorted(made)]


def _literals(tree: ast.Module) -> Iterator[Literal]:
    """String constants with the names they are given; docstrings and parts of f-strings are not values."""
    nodes = list(ast.walk(tree))
    named: dict[int, str] = {}
    skipped: set[int] = set()
    for node in nodes:
        for value, name in _given(node):
            if name and isinstance(value, ast.Constant):
                named[id(value)] = name
        if isinstance(node, ast.Expr):
            skipped.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            skipped.update(id(v) for v in node.values)
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield Literal(node.value[:MAX_TEXT], named.get(id(node), ""), node.lineno, node.col_offset + 1)


def _given(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """The values a node gives names to."""
    if isinstance(node, ast.Assign):
        yield node.value, _target(node.targets[0])
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield node.value, _target(node.target)
    elif isinstance(node, ast.keyword) and node.arg:
        yield node.value, node.arg
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield value, key.value
    elif isinstance(node, ast.arguments):
        names = [a.arg for a in (*node.posonlyargs, *node.args)]
        yield from zip(node.defaults[::-1], names[::-1], strict=False)


def _target(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _judged(literal: Literal) -> tuple[str, Level, str] | None:
    """What kind of secret a literal is, how much it weighs, and how sure that is."""
    text = literal.text
    secret_name = bool(literal.name) and kind_of_name(literal.name) == "secret"
    formed = len(text) >= 8 and TRIGGERS.search(text.encode("utf-8", "replace")) is not None
    if not formed and not (secret_name and len(text) >= 4):
        return None
    if PLACEHOLDER.search(text) or _templated(text):
        return None
    for detector in _detectors():
        if any(True for _ in detector.analyze_string(text)):
            return str(detector.secret_type), "error", "high"
    if not secret_name or " " in text:
        return None
    for limit, bits, form in LIMITS:
        if re.fullmatch(form, text) and _entropy(limit, text) >= bits and re.search(r"\d", text):
            return f"high-entropy text named {literal.name}", "error", "medium"
    return f"text named {literal.name}", "note", "low"


@cache
def _detectors() -> tuple[Any, ...]:
    """The provider plugins; loading them takes 0.2 s."""
    from importlib import import_module  # noqa: PLC0415 - see above

    made = []
    for name in PROVIDERS:
        module, _, cls = name.partition(".")
        made.append(getattr(import_module(f"detect_secrets.plugins.{module}"), cls)())
    return tuple(made)


def _entropy(plugin: str, text: str) -> float:
    from detect_secrets.plugins import high_entropy_strings  # noqa: PLC0415 - 0.2 s

    return float(getattr(high_entropy_strings, plugin)().calculate_shannon_entropy(text))


def _templated(text: str) -> bool:
    from detect_secrets.filters import heuristic  # noqa: PLC0415 - 0.2 s

    tests = (heuristic.is_sequential_string, heuristic.is_potential_uuid, heuristic.is_templated_secret,
             heuristic.is_prefixed_with_dollar_sign, heuristic.is_not_alphanumeric_string)  # fmt: skip
    return any(test(text) for test in tests)


def _finding(path: str, literal: Literal, kind: str, level: Level, confidence: str) -> Finding:
    digest = hashlib.sha256(f"{RULE}\0{kind}\0{literal.name}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Finding(
        rule=RULE,
        message=f"Secret written in the code: {kind} ({len(literal.text)} characters); change it, read it from outside",
        at=Location(path, literal.line, literal.column),
        level=level,
        cwe=798,
        fingerprint=digest,
        properties={
            "kind": "secret-literal", "confidence": confidence, "source": literal.name, "sink": "", "sources": 0,
        },
    )  # fmt: skip
