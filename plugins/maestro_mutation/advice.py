"""The next step for a policy that is not tested: the cases its surviving mutants ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.requests import Advice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.requests import AdviceRequest

SUGGEST = ("maestro", "policy", "mutate", "--suggest")


def advise(request: AdviceRequest) -> Iterator[Advice]:
    """Suggested cases answer every claim about mutants; a failed case is looked at first."""
    for record in request.unmet:
        if record.key == "policy/cases-failed":
            words = "mend the policy or the case, whichever is wrong: see which case fails"
            yield Advice(record.key, words, ("maestro", "policy", "test"), 300)
        elif record.key.startswith("policy/mutation-"):
            yield Advice(record.key, "review the suggested cases and add them to the policy's cases", SUGGEST, 300)
    for key in request.missing:
        if key == "policy/cases-failed" or key.startswith("policy/mutation-"):
            words = "write the policy's cases: a first file is suggested, review each expectation"
            yield Advice(key, words, SUGGEST, 600)
