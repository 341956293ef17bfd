from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maestro_reports import junit
from maestro_reports.reading import Report, UnreadableError
from maestro_reports.settings import ReportsSettings

if TYPE_CHECKING:
    from maestro_hooks.evidence.obligation import Obligation


def claims(data: bytes) -> dict[str, Obligation]:
    return {o.key.split("/")[1]: o for o in junit.obligations(Report("r.xml", data), ReportsSettings())}


def test_a_real_pytest_report_is_counted(samples: dict[str, bytes]) -> None:
    found = claims(samples["junit"])
    assert {name: o.value for name, o in found.items()} == {"failed": 1, "errors": 1, "passed": 1, "skipped": 1}
    assert (found["failed"].max, found["errors"].max, found["passed"].min) == (0, 0, 1)
    assert found["failed"].findings[0].message.startswith("test_calc::test_wrong: AssertionError: a wrong expectation")
    assert found["failed"].attachments[0].data == samples["junit"]


def test_totals_worse_than_the_cases_count() -> None:
    found = claims(b'<testsuites><testsuite tests="9" failures="3"><testcase name="a"/></testsuite></testsuites>')
    assert found["failed"].value == 3
    assert found["failed"].findings[0].message == "the totals state 3 x failure, the test cases show 0"


def test_nested_suites_are_counted_once() -> None:
    inner = b'<testsuite failures="1"><testcase name="a"><failure message="m"/></testcase></testsuite>'
    found = claims(b'<testsuite failures="1">' + inner + b'<testcase name="b"/></testsuite>')
    assert (found["failed"].value, found["passed"].value) == (1, 1)


def test_a_report_without_a_test_is_not_met() -> None:
    found = claims(b"<testsuites/>")
    assert (found["passed"].value, found["passed"].min) == (0, 1)


LAUGHS = b"""<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<testsuite><testcase name="&b;"/></testsuite>"""
EXTERNAL = b"""<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<testsuite><testcase name="x">&a;</testcase></testsuite>"""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (LAUGHS, "document type"),
        (EXTERNAL, "document type"),
        (b'<!DOCTYPE testsuite SYSTEM "http://localhost/x.dtd"><testsuite/>', "document type"),
        (b"<testsuite>&undefined;</testsuite>", "undefined entity"),
        (b"<html/>", "root element is 'html'"),
        (b"<testcase/>", "root element is 'testcase'"),
        (b"<testsuites><testcase/></testsuites>", "a test case inside 'testsuites'"),
        (b'<testsuite failures="-1"/>', "failures='-1' is not a count"),
        (b'<testsuite failures="\xd9\xa3"/>', "is not a count"),
        (b'<testsuite failures="1e9"/>', "is not a count"),
        (b'<testsuite><testcase name="a"/>', "no element found"),
        (b"<testsuite/><testsuite/>", "junk after document element"),
        (b'<?xml version="1.0" encoding="no-such"?><testsuite/>', "unknown encoding"),
        (b'<?xml version="1.0" encoding="utf-7"?><testsuite/>', "multi-byte encodings"),
        (b"<testsuite>\xff</testsuite>", "not well-formed"),
    ],
)
def test_hostile_xml_is_refused_with_the_reason(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableError, match=words):
        junit.parse(data)


def test_a_refusal_names_the_line() -> None:
    with pytest.raises(UnreadableError) as raised:
        junit.parse(b"<testsuite>\n\n<oops\n</testsuite>")
    assert raised.value.line == 4


def test_other_encodings_are_read() -> None:
    text = '<?xml version="1.0" encoding="{}"?><testsuite><testcase name="ü"/></testsuite>'
    for encoding in ("utf-16", "iso-8859-1", "utf-8"):
        assert junit.parse(text.format(encoding).encode(encoding)).cases[0].name == "ü"
