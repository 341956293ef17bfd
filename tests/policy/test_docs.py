"""The examples of docs/policy.md are read by the readers they describe."""

from __future__ import annotations

import re
from pathlib import Path

from maestro_hooks.policy.cases import failures, read_suite
from maestro_hooks.policy.document import read_policy
from maestro_hooks.policy.program import compile_policy

DOCS = Path(__file__).parents[2] / "docs" / "policy.md"


def test_the_examples_hold() -> None:
    policy_text, cases_text = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    policy = read_policy(policy_text.replace('"..."', '"' + "a" * 64 + '"').encode(), where="docs")
    assert {name for name in policy.__struct_fields__ if getattr(policy, name)} == set(policy.__struct_fields__)
    suite = read_suite(cases_text.encode(), where="docs", rules=[rule.id for rule in policy.rules])
    assert failures(compile_policy(policy), suite.cases) == ()
