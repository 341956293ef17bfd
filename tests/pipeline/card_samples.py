"""Two cards: one sealed, one blocked with everything on it that can be hostile."""

from __future__ import annotations

import datetime as dt

import msgspec

from maestro_hooks.evidence.obligation import Finding, Location, Obligation
from maestro_hooks.evidence.record import Producer, Record, error_record, record_of
from maestro_hooks.pipeline.card import Card, Proof, Subject, basis_of, make_card, remarks_of
from maestro_hooks.pipeline.next_step import plan
from maestro_hooks.policy.document import Policy, read_policy
from maestro_hooks.policy.evaluate import decide
from maestro_hooks.policy.facts import Facts
from maestro_hooks.requests import Advice

TODAY = dt.date(2026, 11, 22)
PRODUCER = Producer("x", "1", "maestro_check")
FACTS = Facts(branch="main", environment="ci", files=("src/a.py", "src/b.py"), author="me@example.org", hazard="low")

POLICY = """\
version: 1
authors: {person: ["*@example.org"]}
rules:
  - {id: tests-pass, require: pytest/failed, max: 0, why: a failing test is a known defect}
  - {id: covered, require: coverage/lines, min: 0.80, why: untested lines fail untested}
  - {id: no-flows, require: "taint/flows/*", max: 0, why: no way from input to shell}
  - {id: slow, require: bench/ms, max: 100, severity: warn}
  - {id: secret, require: revenue/share, min: 10}
  - {id: hot, require: review/second, when: {hazard: high}}
  - {id: people, require: review/first, when: {author: person, files: "src/*"}}
waivers:
  - {key: review/first, owner: lead@example.org, reason: holidays, since: 2026-11-01, expires: 2026-11-20}
"""


def policy(text: str = POLICY) -> Policy:
    return read_policy(text.encode(), where="maestro-policy.yaml")


def record(key: str, value: object = 0, **fields: object) -> Record:
    return record_of(Obligation(key=key, value=value, **fields), producer=PRODUCER, inputs="0" * 64)  # type: ignore[arg-type]


def records(*, blocked: bool) -> list[Record]:
    made = [
        record("coverage/lines", 8123 if not blocked else 7123, scale=1, kind="test"),
        record("taint/flows/src/a.py", 2 if blocked else 0, max=0, kind="taint"),
        record("bench/ms", 250),
        record("revenue/share", 31, private=True),
        record("review/first", 0 if blocked else 1, min=1),
        record("unasked/fact", "nobody asks"),
    ]
    coverage = made[0].quantity
    assert coverage is not None
    made[0] = msgspec.structs.replace(made[0], quantity=msgspec.structs.replace(coverage, scale=10_000))
    if blocked:
        made.append(error_record("pytest/failed", producer=PRODUCER, inputs="0" * 64, error="boom\x1b[2J | <b>`x`</b>"))
    else:
        made.append(record("pytest/failed", 0, max=0, kind="test"))
    return made


def card(*, blocked: bool) -> Card:
    given = policy()
    decision = decide(given, records(blocked=blocked), facts=FACTS, today=TODAY, gates=())
    hostile = "see [this](https://evil.example) @everyone <img src=x onerror=alert(1)>\n::error::forged"
    findings = [
        Finding(rule="taint-shell", message=hostile, at=Location("src/a,b:c.py", 7, 3)),
        Finding(rule="taint-sql", message="input reaches a query", at=Location("src/a.py", 2), level="warning"),
    ]
    advice = [
        Advice("taint/flows/src/a.py", "apply the verified fix", ("maestro", "hook", "taint", "--fix", "src/a.py"), 5),
        Advice("taint/*", "rewrite it", (), 9000, "high"),
        Advice("coverage/lines", "lower the bound in maestro-policy.yaml", (), 1, "none"),
        Advice("coverage/lines", "test the lines of this change", ("pytest", "--cov"), 1800, "low"),
        Advice("nobody/asked", "do something else", (), 1),
    ]
    sealed = Proof(verdict="pass", bundle="dist/toy-1.0.sigstore.json", manifest_sha256="ab" * 32)
    return make_card(
        Subject(name="toy", version="1.0", tree="ab" * 20, commit="cd" * 20),
        decision,
        basis=basis_of(given, decision, facts=FACTS, today=TODAY, gates=()),
        plan=plan(decision.blocking, advice, waivers=given.waivers, today=TODAY, policy_files=("maestro-policy.yaml",)),
        remarks=remarks_of("taint/flows/src/a.py", findings) if blocked else [],
        not_checked=("plugin symbolic: unavailable (needs z3-solver)",),
        cost=(("check", "0.1 s"), ("test", "5.8 s")),
        proof=Proof() if blocked else sealed,
    )
