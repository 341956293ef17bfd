"""JUnit XML to obligations: tests counted from the test cases, never taken from the totals alone.

Invariant: no document type declaration is accepted, so no entity can be defined, expanded or fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Attachment, Finding, Location, Obligation
from maestro_reports.keys import key
from maestro_reports.reading import MAX_BYTES, MAX_DEPTH, Report, UnreadableError

if TYPE_CHECKING:
    from maestro_reports.settings import ReportsSettings

OUTCOMES = {"failure": "failures", "error": "errors", "skipped": "skipped"}


@dataclass(slots=True)
class Case:
    """One ``testcase`` element."""

    name: str
    line: int
    outcomes: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Suite:
    """What the elements of a report say: its cases, and the totals its outermost elements state."""

    cases: list[Case] = field(default_factory=list)
    stated: dict[str, int] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)

    def start(self, tag: str, attributes: dict[str, str], line: int) -> None:
        """Take in a start tag."""
        if not self.path and tag not in ("testsuites", "testsuite"):
            raise UnreadableError(f"not a JUnit report: the root element is {tag[:80]!r}", line=line)
        if len(self.path) >= MAX_DEPTH:
            raise UnreadableError(f"nested deeper than {MAX_DEPTH} levels", line=line)
        parent = self.path[-1] if self.path else ""
        if tag == "testsuite" and parent in ("", "testsuites"):
            self._state(attributes, line)
        elif tag == "testcase":
            if parent != "testsuite":
                raise UnreadableError(f"a test case inside {parent[:80]!r}", line=line)
            name = "::".join(filter(None, (attributes.get("classname"), attributes.get("name"))))
            self.cases.append(Case(name or "unnamed test", line))
        elif tag in OUTCOMES and parent == "testcase":
            self.cases[-1].outcomes[tag] = attributes.get("message", "")
        self.path.append(tag)

    def end(self) -> None:
        """Take in an end tag."""
        self.path.pop()

    def _state(self, attributes: dict[str, str], line: int) -> None:
        for name in ("tests", *OUTCOMES.values()):
            text = attributes.get(name, "0")
            if not (text.isascii() and text.isdigit() and len(text) <= 12):
                raise UnreadableError(f"{name}={text[:40]!r} is not a count", line=line)
            self.stated[name] = self.stated.get(name, 0) + int(text)

    def count(self, outcome: str) -> int:
        """Cases with ``outcome``, or the stated total where that is worse: a lost test case must not help."""
        return max(sum(outcome in case.outcomes for case in self.cases), self.stated.get(OUTCOMES[outcome], 0))


def parse(data: bytes) -> Suite:
    """Read a report. Raises ``UnreadableError`` for anything but one well-formed JUnit document."""
    from xml.parsers import expat  # noqa: PLC0415 - only when a JUnit report is configured

    if len(data) > MAX_BYTES:
        raise UnreadableError(f"larger than {MAX_BYTES} bytes")
    suite = Suite()
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, attributes: suite.start(tag, attributes, parser.CurrentLineNumber)
    parser.EndElementHandler = lambda _tag: suite.end()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(data, True)  # noqa: FBT003 - the C function takes no keyword
    except expat.ExpatError as error:
        raise UnreadableError(f"not well-formed XML: {expat.ErrorString(error.code)}", line=error.lineno) from error
    except (LookupError, ValueError) as error:
        raise UnreadableError(f"not readable XML: {error}") from error
    return suite


def _refuse_doctype(*_declaration: object) -> None:
    raise UnreadableError("has a document type declaration, which could define entities")


def obligations(report: Report, _settings: ReportsSettings) -> tuple[Obligation, ...]:
    """No failure, no error, at least one passed test, and the number of skipped ones."""
    suite = parse(report.data)
    failed, errors, skipped = (suite.count(outcome) for outcome in OUTCOMES)
    passed = sum(not case.outcomes for case in suite.cases)
    backing = (Attachment(report.path, report.data),)
    return (
        Obligation(
            key=key("junit/failed", report.path),
            value=failed,
            max=0,
            kind="test",
            findings=_findings(suite, report.path, "failure"),
            attachments=backing,
        ),
        Obligation(
            key=key("junit/errors", report.path),
            value=errors,
            max=0,
            kind="test",
            findings=_findings(suite, report.path, "error"),
        ),
        Obligation(key=key("junit/passed", report.path), value=passed, min=1, kind="test"),
        Obligation(key=key("junit/skipped", report.path), value=skipped, kind="test"),
    )


def _findings(suite: Suite, path: str, outcome: str) -> tuple[Finding, ...]:
    rule = f"junit-{outcome}"
    found = [case for case in suite.cases if outcome in case.outcomes]
    findings = [
        Finding(rule=rule, message=f"{case.name}: {case.outcomes[outcome][:500]}", at=Location(path, case.line))
        for case in found
    ]
    if suite.count(outcome) != len(found):
        message = f"the totals state {suite.count(outcome)} x {outcome}, the test cases show {len(found)}"
        findings.append(Finding(rule=rule, message=message, at=Location(path)))
    return tuple(findings)
