"""What backs a verdict: a JSON document per function, its queries in SMT-LIB 2, and a test for a counterexample.

Invariant: the bytes are a function of source, contract, engine, solvers and limits; no time is among them. The
queries show that the obligations hold, not that Python was translated rightly; that rests on differential tests.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence.obligation import Attachment
from maestro_symbolic.cache import versions
from maestro_symbolic.normal import canonical, contract_digest, reached
from maestro_symbolic.regression import regression_test

if TYPE_CHECKING:
    import ast

    from maestro_symbolic.targets import Target
    from maestro_symbolic.verdicts import Outcome

CAVEATS = (
    "declared subset of Python; single thread; no input or output; no patched names; memory ignored; "
    "ints unbounded; floats are IEEE doubles, NaN and infinities included unless a precondition excludes them"
)


def digest(node: ast.AST) -> str:
    """SHA-256 of a definition's canonical text."""
    return hashlib.sha256(canonical(node).encode("utf-8", "surrogatepass")).hexdigest()


def document(target: Target, subject: str, outcome: Outcome) -> bytes:
    """The evidence of one function as sorted JSON."""
    program = target.program
    known = program.definitions
    body = {
        "schema": "maestro.symbolic/1",
        "function": subject,
        "file": program.path,
        "source": digest(target.node),
        "callees": {name: digest(known[name]) for name in reached(program, target.node)},
        "contract": contract_digest(target),
        "styles": sorted(target.contract.styles),
        "versions": list(versions()),
        "mode": outcome.mode,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "bound": outcome.bound,
        "paths": outcome.paths,
        "witness": outcome.witness,
        "counterexample": msgspec.to_builtins(outcome.counterexample),
        "queries": [
            {
                "line": q.line,
                "kind": q.kind,
                "answer": q.answer,
                "solver": q.solver,
                "smt2": hashlib.sha256(q.smt2.encode()).hexdigest(),
            }
            for q in outcome.queries
        ],
        "caveats": CAVEATS,
    }
    return msgspec.json.format(msgspec.json.encode(body, order="sorted"), indent=1)


def attachments(target: Target, subject: str, outcome: Outcome, module: str) -> tuple[Attachment, ...]:
    """Everything that backs one verdict."""
    files = [Attachment("verdict.json", document(target, subject, outcome))]
    files += [Attachment(f"query-{n:03}.smt2", q.smt2.encode()) for n, q in enumerate(outcome.queries, 1)]
    if outcome.counterexample is not None and outcome.counterexample.arguments:
        files.append(Attachment("test_regression.py", regression_test(target, module, outcome.counterexample).encode()))
    return tuple(files)
