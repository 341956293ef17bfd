"""Outside functions that check data: their results are tests, or can be compared to make one.

Invariant: what is checked keeps its taint until the test decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.atoms import Source
from maestro_taint.domain.values import CLEAN, Val, cleared, join_atoms
from maestro_taint.engine import containers, guards
from maestro_taint.kinds import BIT, HOSTS, INJECTION

if TYPE_CHECKING:
    from maestro_taint.engine.arguments import Arguments
    from maestro_taint.engine.frame import Frame

LINES = BIT["log_injection"] | BIT["header"]


def _common(f: Frame, given: Arguments) -> Val:
    """``os.path.commonpath([base, path])``: equal to the base where the path lies below it."""
    v = given.get(0)
    if v is None:
        return CLEAN
    items = containers.exact_items(f, v)
    types = () if items is None else (("tag", "common", tuple(items)),)
    return Val(f.deep(v), types=types, lit=v.lit)


def _mac(f: Frame, given: Arguments) -> Val:
    """``hmac.new(key, message, digest)``: comparable with a MAC that came with the message, if the key is ours."""
    key, message = given.get(0, "key"), given.get(1, "msg")
    ours = key is not None and not any(isinstance(a, Source) and a.kind == "untrusted" for a in f.deep(key))
    return Val(
        types=(("x", "hmac.HMAC"), *([("tag", "mac", message)] if ours and message is not None else [])), lit=True
    )


def _digest(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    receiver = given.receiver
    tags = () if receiver is None else tuple(t for t in receiver.types if t[0] == "tag")
    return Val(types=tags, lit=True)


def _same(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    """``hmac.compare_digest(a, b)``."""
    return Val(pred=next((p for v in given.args if (p := guards.authentic(v)) is not None), None))


def _own_host(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    """``url_has_allowed_host_and_scheme(url, allowed_hosts)``."""
    url, hosts = given.get(0, "url"), given.get(1, "allowed_hosts")
    if url is None or hosts is None:
        return CLEAN
    facts = guards.about(url, HOSTS)
    return Val(pred=(facts, ()) if facts else None)


def _converted(f: Frame, given: Arguments) -> Val | None:
    """``int(text)``, ``uuid.UUID(text)``: what raised no error holds no more than its result, line breaks aside."""
    v = given.get(0)
    if v is not None and v.atoms and len(given.args) == 1 and not given.kwargs:
        facts = guards.about(v, INJECTION & ~LINES)
        guards.apply(f, (facts, ()), truth=True)
    return None


def _relative(f: Frame, given: Arguments) -> Val | None:
    """``path.relative_to(base)``: raises unless the path lies below."""
    base, receiver = given.get(0), given.receiver
    if base is None or receiver is None:
        return None
    pred = guards.method(f, receiver, "is_relative_to", [base])
    guards.apply(f, pred, truth=True)
    return Val(f.deep(receiver), types=(("x", "pathlib.Path"),)) if pred is None else Val(lit=receiver.lit)


def _verified(f: Frame, given: Arguments) -> Val:
    """``itsdangerous`` and signed cookies: what is read back was written by the holder of the key."""
    atoms: dict[Any, Any] = {}
    for v in given.everything():
        atoms = join_atoms(atoms, cleared(f.deep(v), INJECTION))
    return Val(atoms)


TABLE: dict[str, Any] = {
    "os.path.commonpath": _common,
    "pathlib.Path.relative_to": _relative,
    **dict.fromkeys(("builtins.int", "uuid.UUID", "ipaddress.ip_address"), _converted),
    "hmac.new": _mac,
    "hmac.HMAC": _mac,
    **dict.fromkeys(("hmac.HMAC.digest", "hmac.HMAC.hexdigest"), _digest),
    **dict.fromkeys(
        ("hmac.compare_digest", "secrets.compare_digest", "django.utils.crypto.constant_time_compare"), _same
    ),
    **dict.fromkeys(
        ("django.utils.http.url_has_allowed_host_and_scheme", "django.utils.http.is_safe_url"), _own_host
    ),
    **dict.fromkeys(
        ("itsdangerous.URLSafeSerializer.loads", "itsdangerous.URLSafeTimedSerializer.loads",
         "itsdangerous.Signer.unsign", "itsdangerous.TimestampSigner.unsign",
         "django.core.signing.loads", "jwt.decode"), _verified
    ),
}  # fmt: skip
