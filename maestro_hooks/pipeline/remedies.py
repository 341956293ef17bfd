"""What the host itself knows to do about an obligation that is not met; plugins know better through maestro_advise.

Invariant: the main job is proposed for a missing claim only where it can still bring it: not where what makes such
claims has already run on this tree, and not where nothing installed makes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_hooks.policy.results import Outcome
from maestro_hooks.requests import Advice

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from maestro_hooks.policy.document import Waiver
    from maestro_hooks.policy.results import RuleResult

_UNMET = (
    ("pytest/failed", "look at the failing tests first", ("pytest", "--lf"), 30),
    ("pytest/errors", "look at the tests that could not start", ("pytest", "--lf", "-x"), 30),
    ("pytest/passed", "add a test: nothing that passed was recorded for this tree", ("maestro", "run"), 600),
    ("pytest/", "run the tests to their end", ("maestro", "run"), 120),
    ("bandit/unparsed", "mend what Bandit could not read, so that it reads it", ("maestro", "check"), 300),
    ("bandit/", "mend the findings, or mark one with '# nosec BXXX' and the reason", ("maestro", "check"), 300),
    ("build/", "see the build log", ("python", "-m", "build"), 60),
    ("segment/", "clear what a killed process left behind", ("maestro", "ledger", "gc", "--unfinished"), 5),
    ("policy/", "mend the policy's cases", ("maestro", "policy", "mutate", "--suggest"), 300),
    ("review/", "ask one more reviewer", (), 3600),
)
_RUN_WORDS = "run the main job, which checks, tests, builds and records what is missing"
_RUN_S = 120
_GATE_S = 600
_CONFIGURE_S = 900
_INSTALL_S = 1800
_RENEWAL_S = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Producers:
    """Who makes claims here, by the first segment of a key.

    Attributes:
        present: segment to the name of what makes such claims when the main job runs.
        ran: the segments whose maker has already run on this tree.
        absent: segment to (plugin, what makes it available).
    """

    present: Mapping[str, str] = field(default_factory=dict)
    ran: frozenset[str] = frozenset()
    absent: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def remedy(result: RuleResult, producers: Producers | None) -> Advice:
    """What to do about one result that blocks."""
    if result.outcome is Outcome.MISSING:
        return _record(result.key, producers)
    plugin, _, metric = result.key.partition("/")
    if metric == "gate":
        words = f"the gate {plugin} failed or left something out: see what it says and mend that"
        return Advice(result.key, words, ("maestro", "check", "--only", plugin), _GATE_S)
    for prefix, action, command, cost_s in _UNMET:
        if result.key.startswith(prefix):
            return Advice(result.key, action, command, cost_s)
    return Advice(result.key, f"see the findings and mend them: {result.key}", ("maestro", "check"), 600, "medium")


def _record(key: str, producers: Producers | None) -> Advice:
    segment = key.partition("/")[0]
    if producers is None or "*" in segment:
        return Advice(key, _RUN_WORDS, ("maestro", "run"), _RUN_S)
    if segment in producers.ran:
        words = f"{producers.present[segment]} ran on this tree and claims no {key}: configure it so that it does"
        return Advice(key, words, ("maestro", "config"), _CONFIGURE_S, "medium")
    if segment in producers.present:
        return Advice(key, _RUN_WORDS, ("maestro", "run"), _RUN_S)
    if segment in producers.absent:
        plugin, fix = producers.absent[segment]
        return Advice(key, f"make the plugin {plugin} available ({fix}), then run the main job", (), _CONFIGURE_S)
    words = f"nothing installed here records {segment}/...: install the plugin that does, then run the main job"
    return Advice(key, words, ("maestro", "plugins"), _INSTALL_S, "medium")


def renewals(waivers: Iterable[Waiver], keys: Sequence[str], today: dt.date) -> Iterator[Advice]:
    """For each blocked key whose waiver expired: its owner may renew it."""
    for waiver in waivers:
        if waiver.key in keys and waiver.window[1] < today:
            words = f"mend {waiver.key}, or ask {waiver.owner} to renew its waiver, which expired on {waiver.expires}"
            yield Advice(waiver.key, words, (), _RENEWAL_S, "medium")
