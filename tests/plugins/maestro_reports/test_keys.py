from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.evidence.obligation import check_key
from maestro_reports.keys import key

ANY_TEXT = st.text(st.characters(), min_size=1, max_size=400)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(ANY_TEXT)
def test_every_subject_gives_a_well_formed_key(subject: str) -> None:
    made = key("junit/failed", subject)
    check_key(made)
    assert made.startswith("junit/failed/")


def test_long_subjects_stay_apart() -> None:
    long = "d/" * 300
    assert key("a/b", long + "x") != key("a/b", long + "y")


def test_plain_subjects_are_kept() -> None:
    assert key("junit/failed", "reports/ünit.xml") == "junit/failed/reports/ünit.xml"
