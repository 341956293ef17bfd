"""What every run of the small projects here imports: one process pays for it, and each run is a fork of that one."""

from __future__ import annotations

from importlib.metadata import entry_points
from importlib.util import find_spec

_CORE = ("assembling", "claims", "merging", "observed_inputs", "source_model", "tracer_monitoring", "tracer_probes")
_OTHERS = ("execnet.multi", "unittest", "hypothesis.strategies", "_pytest.junitxml", "_pytest.unittest", "email.parser")

PRELOADED = (
    *(f"maestro_bloom.{name}" for name in _CORE),
    *(point.value for point in entry_points(group="maestro")),
    *("maestro_hooks.caching", "maestro_hooks.evidence.segment_reader"),
    *(name for name in _OTHERS if find_spec(name.partition(".")[0])),
)
