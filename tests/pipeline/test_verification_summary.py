"""The verification summary is an in-toto statement of the predicate SLSA defines."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage

from maestro_hooks.evidence.manifest import Release
from maestro_hooks.pipeline.verification_summary import verification_summary
from maestro_hooks.sealing.subjects import BuiltFile

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
WHEEL = BuiltFile(Path("dist/toy_box-1.0-py3-none-any.whl"), "a" * 64)


@pytest.mark.parametrize("files", [(WHEEL,), ()])
def test_it_is_a_statement_about_what_was_built_or_the_tree(files: tuple[BuiltFile, ...]) -> None:
    data = verification_summary(Release("toy_box", "1.0", "v1"), files, tree="b" * 40, policy="c" * 64, now=NOW)
    Statement.copy_from_pb(json_format.Parse(data, StatementMessage())).validate()
    body = json.loads(data)
    assert [list(s["digest"].values()) for s in body["subject"]] == [["a" * 64] if files else ["b" * 40]]
    assert body["predicateType"] == "https://slsa.dev/verification_summary/v1"
    told = body["predicate"]
    assert told["resourceUri"] == "pkg:pypi/toy-box@1.0"
    assert (told["timeVerified"], told["verificationResult"]) == ("2026-03-01T12:00:00Z", "PASSED")
    assert told["policy"]["digest"] == {"sha256": "c" * 64}
    assert told["verifiedLevels"] == ["SLSA_BUILD_LEVEL_UNEVALUATED"]
