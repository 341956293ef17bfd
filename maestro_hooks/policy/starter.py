"""The policy ``maestro init`` writes: what nearly every project wants, each rule with its reason."""

from __future__ import annotations

STARTER = """\
# What a release of this project requires. 'maestro policy' checks this file and explains it.
# A rule names an obligation (or a pattern); what is missing is not met.
version: 1
rules:
  - id: tests-ran
    require: pytest/completed
    why: an interrupted test run proves nothing
  - id: tests-pass
    require: pytest/failed
    max: 0
    why: a failing test is a known defect
  - id: tests-start
    require: pytest/errors
    max: 0
    why: a test that cannot start tests nothing
  - id: tests-exist
    require: pytest/passed
    min: 1
    why: no test at all must not look like all tests passed
  - id: no-known-weakness
    require: bandit/issues
    max: 0
    why: Bandit's findings are mended or marked with their reason
  - id: everything-parsed
    require: bandit/unparsed
    max: 0
    why: a file no check could read is not a clean file
{build}# An unmet obligation somebody answers for, until a date:
# waivers:
#   - {{key: bandit/issues, owner: you@example.org, reason: "why it is acceptable", expires: 2027-06-30}}
"""

BUILD_RULE = """\
  - id: it-builds
    require: build/completed
    why: what cannot be built cannot be released
"""


def starter_policy(*, buildable: bool) -> str:
    """The text of a first policy; the build rule only where there is something to build."""
    return STARTER.format(build=BUILD_RULE if buildable else "")
