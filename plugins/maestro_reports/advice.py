"""Next steps for numbers that come from reports: the report that is missing, or the lines that no test reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.requests import Advice
from maestro_reports.settings import ReportsSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.requests import AdviceRequest

# Format to the command that makes such a report.
MAKERS = {
    "coverage": ("pytest", "--cov", "--cov-report=json:coverage.json"),
    "junit": ("pytest", "--junitxml=junit.xml"),
    "sarif": (),
    "benchmark": ("pytest", "--benchmark-json=benchmark.json"),
    "sbom": ("cyclonedx-py", "environment", "-o", "sbom.json"),
}


def advise(request: AdviceRequest) -> Iterator[Advice]:
    """A missing number needs its report; an unmet one needs what it counts."""
    settings = request.settings if isinstance(request.settings, ReportsSettings) else ReportsSettings()
    for key in request.missing:
        form = key.partition("/")[0]
        if form in MAKERS:
            configured = getattr(settings, form)
            words = (
                f"make the {form} report that {configured[0]} names, in the run that tests the tree"
                if configured
                else f"make a {form} report in the run that tests the tree, and name it as '{form}' in the settings of"
                " the plugin reports"
            )
            yield Advice(key, words, MAKERS[form], 120 if configured else 300)
    for record in request.unmet:
        if record.key in ("coverage/total", "coverage/lines", "coverage/branches"):
            yield Advice(record.key, "test the lines that no test reaches", MAKERS["coverage"], 1800)
