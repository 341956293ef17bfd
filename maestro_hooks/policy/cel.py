"""The numeric and required part of a policy as CEL, for a Kubernetes ValidatingAdmissionPolicy.

The object under admission carries ``spec.obligations``: key to ``{verdict: pass|fail|warn|skip, q: int, scale: int}``,
as in the leaves of a manifest (``warn`` is a claim under a waiver in force; ``q`` and ``scale`` are absent for texts).

Theorem: an expression is true of such an object if and only if the rule is met by those obligations. A product beyond
64 bits is an error in CEL, and with ``failurePolicy: Fail`` an error denies. Rules with conditions are exported as
unconditional ones: what a cluster cannot know counts as holding, the stricter side.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from maestro_hooks.evidence.leaf_writer import VERDICT_OF
from maestro_hooks.policy.program import compile_policy

if TYPE_CHECKING:
    from maestro_hooks.policy.document import Policy
    from maestro_hooks.policy.program import Bound, Check

_HEAD = """\
# In force once a ValidatingAdmissionPolicyBinding with validationActions [Deny] names it.
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: maestro-release
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - apiGroups: ["maestro.example.org"]
        apiVersions: ["v1"]
        operations: ["CREATE", "UPDATE"]
        resources: ["releases"]
  variables:
    - name: o
      expression: "has(object.spec.obligations) ? object.spec.obligations : {}"
  validations:
"""


def admission_policy(policy: Policy) -> str:
    """The whole manifest as YAML; advisory rules are left out, for they never deny."""
    lines = [_HEAD.rstrip("\n")]
    for check in sorted(compile_policy(policy).checks, key=lambda c: c.id):
        if check.blocking:
            # Kubernetes refuses a message with a line break in it.
            message = f"rule {check.id}: {' '.join(check.why.split())}" if check.why else f"rule {check.id} is not met"
            # JSON strings are YAML strings.
            lines.append(f"    - expression: {json.dumps(expression(check, 'variables.o'))}")
            lines.append(f"      message: {json.dumps(message)}")
    return "\n".join(lines)


def expression(check: Check, obligations: str) -> str:
    """One check as a CEL expression over the map ``obligations``."""
    if not check.is_pattern:
        key = _text(check.require)
        return f"{key} in {obligations} && {_accepted(check, f'{obligations}[{key}]')}"
    speaks = " && ".join([_matches(check.require), *(f"!({_matches(p)})" for p in check.exempt)])
    every = f"{obligations}.all(k, !({speaks}) || ({_accepted(check, f'{obligations}[k]')}))"
    return every if check.allow_empty else f"{obligations}.exists(k, {speaks}) && {every}"


def _accepted(check: Check, claim: str) -> str:
    verdicts = ", ".join(_text(VERDICT_OF[v]) for v in sorted(check.accept))
    accepted = f"{claim}.verdict in [{verdicts}]"
    if not check.bounds:
        return accepted
    # A scale that no leaf has would turn the comparison round.
    number = f"has({claim}.q) && has({claim}.scale) && {claim}.scale > 0"
    inside = " && ".join((number, *(_bounded(bound, claim) for bound in check.bounds)))
    return f'{accepted} && ({claim}.verdict == "warn" || ({inside}))'


def _bounded(bound: Bound, claim: str) -> str:
    """``q / scale`` against the limit, multiplied out so that no division rounds."""
    limit = bound.limit
    left = f"{claim}.q" if limit.denominator == 1 else f"{claim}.q * {limit.denominator}"
    right = str(limit.numerator) if limit.numerator == 0 else f"{limit.numerator} * {claim}.scale"
    return f"{left} {bound.relation} {right}"


def _matches(pattern: str) -> str:
    """A pattern as a comparison, or as an anchored RE2 expression (newlines included) where it has an inner star."""
    prefix, _, rest = pattern.partition("*")
    if "*" not in pattern:
        return f"k == {_text(pattern)}"
    if not rest:
        return f"k.startsWith({_text(prefix)})"
    return f"k.matches({_text('(?s)^' + '.*'.join(map(_quoted, pattern.split('*'))) + '$')})"


def _quoted(text: str) -> str:
    """``text`` for RE2: every character that is not a letter, a digit or beyond ASCII is escaped."""
    return "".join(c if c.isalnum() or c in "_/-" or not c.isascii() else f"\\{c}" for c in text)


def _text(text: str) -> str:
    """A CEL string literal; JSON's escapes are CEL's, but for characters beyond 16 bits, which stand as they are."""
    return json.dumps(text, ensure_ascii=False)
