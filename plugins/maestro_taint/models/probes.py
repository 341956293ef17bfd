"""A probe per modelled sink: the smallest program in which a source reaches it. A silent probe is a broken model.

Invariant: a probe uses only the model's own names, so a name the engine cannot resolve makes it silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_taint.analysis import analyse
from maestro_taint.kinds import CONFIDENTIAL, RANDOM
from maestro_taint.models.compile import compiled, shipped

if TYPE_CHECKING:
    from maestro_taint.models.model import Models, SinkModel


def silent(models: Models | None = None) -> tuple[int, list[str]]:
    """(probes run, sinks whose probe found nothing)."""
    models = models or compiled(shipped())
    probes: list[tuple[str, SinkModel, str]] = []
    for dotted, call in sorted(models.calls.items()):
        for sink in call.sinks:
            text = _program(dotted, sink)
            if text:
                probes.append((dotted, sink, text))
    files = [(f"probe_{i}.py", text.encode()) for i, (_, _, text) in enumerate(probes)]
    result = analyse(files, models)
    heard = {(site.file, site.model) for site, _ in result.solver.flows.values()}
    quiet = [
        f"{dotted} ({sink.id})" for i, (dotted, sink, _) in enumerate(probes) if (f"probe_{i}.py", sink.id) not in heard
    ]
    return len(probes), sorted(set(quiet))


def _program(dotted: str, sink: SinkModel) -> str:
    """The probe's text; empty where the sink needs more than one argument to be dangerous."""
    if not sink.bits or sink.special or not sink.args or any(c.op in ("present", "in", "true") for c in sink.when):
        return ""
    module, _, name = dotted.rpartition(".")
    top = module.partition(".")[0]
    value = "data"
    if sink.bits & CONFIDENTIAL:
        entry = "import os\ndata = os.environ['APP_SECRET_KEY']\n"
    elif sink.bits == RANDOM:
        entry = "import random\ndata = random.random()\n"
    else:
        entry = "from flask import request\ndata = request.args['q']\n"
    selector = sink.args[0]
    if selector == "self":
        # The receiver is the value: made by the class itself from outside data.
        return f"{entry}import {top}\n{module}({value}).{name}()\n"
    if isinstance(selector, int):
        argument = ", ".join([*("0" for _ in range(selector)), value])
    else:
        argument = value if selector == "*" else f"{selector}={value}"
    imported = f"import {top}\n" if top != "builtins" else ""
    callee = dotted.removeprefix("builtins.")
    return f"{entry}{imported}{callee}({argument})\n"
