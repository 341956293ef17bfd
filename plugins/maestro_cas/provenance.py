"""SLSA provenance v1 (https://slsa.dev/spec/v1.0/provenance) of a cached result, as an in-toto Statement v1.

Invariant: it says no more than the record: subjects are its outputs, dependencies its inputs and programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maestro_cas.record import Record

BUILD_TYPE = "https://maestro-conductor.dev/cas/action/v1"


def statement(record: Record, *, writer: str, inputs: dict[str, tuple[str, int, str]]) -> dict[str, object]:
    """The Statement; ``writer`` is the key id of who stored the record, ``inputs`` its parsed listing."""
    external = {k: v for k, v in record.components.items() if k not in ("inputs", "platform", "tool")}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": o.path, "digest": {"sha256": o.digest}} for o in record.outputs if o.kind == "f"],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": external,
                "internalParameters": {"platform": record.components.get("platform", ""), "key": record.key},
                "resolvedDependencies": [
                    {"name": path, "digest": {"sha256": digest}} for path, (_, _, digest) in sorted(inputs.items())
                ],
            },
            "runDetails": {
                "builder": {"id": f"urn:maestro:writer:{writer}"},
                "metadata": {"invocationId": f"urn:maestro:action:{record.key}", "finishedOn": record.created},
                "byproducts": [{"name": "log", "digest": {"sha256": record.log.digest}}],
            },
        },
    }
