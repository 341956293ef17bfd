"""The decision in the words of SLSA: a verification summary (VSA v1), for tools that know that predicate and not ours.

Invariant: there is one only for a tree whose policy is met. It claims no build level: this project evaluates none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks import __version__
from maestro_hooks.evidence import canonical, shape
from maestro_hooks.evidence.manifest import STATEMENT_TYPE

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from maestro_hooks.evidence.manifest import Release
    from maestro_hooks.sealing.subjects import BuiltFile

DOCUMENT = "vsa.json"
PREDICATE = "https://slsa.dev/verification_summary/v1"
VERIFIER = "https://maestro-conductor.dev/policy/v1"
NO_LEVEL = "SLSA_BUILD_LEVEL_UNEVALUATED"


def verification_summary(
    release: Release, files: Sequence[BuiltFile], *, tree: str, policy: str, now: dt.datetime
) -> bytes:
    """An in-toto Statement v1 in canonical JSON: the policy (SHA-256, hexadecimal) was met at ``now``."""
    built = [{"name": file.path.name, "digest": {"sha256": file.sha256}} for file in files]
    predicate = {
        "verifier": {"id": VERIFIER, "version": {"maestro-conductor": __version__}},
        "timeVerified": shape.time_text(now),
        "resourceUri": f"pkg:pypi/{release.name.lower().replace('_', '-')}@{release.version}",
        "policy": {"uri": "maestro-policy", "digest": {"sha256": policy}},
        "verificationResult": "PASSED",
        "verifiedLevels": [NO_LEVEL],
        "slsaVersion": "1.0",
    }
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": built or [{"name": "source-tree", "digest": {"gitTree": tree}}],
        "predicateType": PREDICATE,
        "predicate": predicate,
    }
    return canonical.encode(statement) + b"\n"
