"""Golden cards: change them with ``--update-golden`` only, and read the difference."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from maestro_hooks.commands.card import read_card
from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, sarif
from maestro_hooks.evidence.leaf import parse_leaf
from maestro_hooks.evidence.leaf_writer import leaf_bytes
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.record import EvidenceRef, Record
from maestro_hooks.pipeline.card import (
    LEAF_KEY,
    Proof,
    Remark,
    decision_digest,
    decision_document,
    from_json,
    to_json,
)
from maestro_hooks.pipeline.card_github import MAX_EACH, sarif_log, workflow_commands
from maestro_hooks.pipeline.card_html import html_page
from maestro_hooks.pipeline.card_markdown import MARKER, markdown
from maestro_hooks.pipeline.card_replay import replay, sealed_difference
from maestro_hooks.pipeline.card_text import lines
from maestro_hooks.policy.results import Outcome
from tests.pipeline.card_samples import PRODUCER, card

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from maestro_hooks.pipeline.card import Card
    from tests.conftest import Golden

FORMS: dict[str, Callable[[Card], str]] = {
    "json": lambda c: canonical.encode(to_json(c)).decode() + "\n",
    "decision.json": lambda c: decision_document(c).decode() + "\n",
    "txt": lambda c: "\n".join(lines(c)) + "\n",
    "md": markdown,
    "html": html_page,
    "github": lambda c: "\n".join(workflow_commands(c)) + "\n",
    "sarif": lambda c: sarif.encode(sarif_log(c)).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("blocked", [True, False], ids=["blocked", "sealed"])
def test_same_inputs_same_bytes(form: str, blocked: bool, golden: Golden) -> None:
    golden(f"card/{'blocked' if blocked else 'sealed'}.{form}", FORMS[form](card(blocked=blocked)))


@pytest.mark.parametrize("blocked", [True, False])
def test_a_card_reads_back_as_it_was_written(blocked: bool) -> None:
    made = card(blocked=blocked)
    assert from_json(json.loads(canonical.encode(to_json(made)))) == made


@pytest.mark.parametrize("blocked", [True, False])
def test_a_replay_agrees_and_names_what_is_private(blocked: bool) -> None:
    again = replay(card(blocked=blocked))
    assert again.differences == ()
    assert again.met is not blocked
    assert again.not_replayed == ("rule secret for revenue/share: the number is private",)


def altered(**changes: Any) -> Card:
    body = to_json(card(blocked=True))
    for path, value in changes.items():
        part: Any = body
        *way, last = path.split("__")
        for step in way:
            part = part[int(step) if step.isdigit() else step]
        part[int(last) if last.isdigit() else last] = value
    # Whoever touches a card up will not forget what follows from the rest of it.
    actions = body["plan"]["actions"]
    body |= {"ok": body["verdict"] == "sealed", "next_step": actions[0] if actions else None}
    return from_json(json.loads(canonical.encode(body)))


@pytest.mark.parametrize(
    "changes",
    [
        {"results__0__outcome": "met"},
        {"verdict": "sealed"},
        {"basis__claims__1__q": "9999"},
        {"basis__facts__hazard": "high"},
        {"basis__today": "2026-11-19"},
        {"basis__gates": ["taint"]},
        {"basis__policy__rules__0__severity": "warn"},
        {"results": []},
        {"verdict": "unproven", "proof__verdict": "pass"},
        {"plan__actions": []},
        {"plan__actions__0__keys": ["pytest/other"]},
        # A private number may meet its bound, but not under a verdict that no rule accepts.
        {"basis__claims__3__verdict": "unmet"},
    ],
)
def test_a_replay_notices_what_changes_the_decision(changes: dict[str, Any]) -> None:
    assert replay(altered(**changes)).differences


def test_a_result_told_twice_and_a_sealed_card_without_proof_are_noticed() -> None:
    made = card(blocked=True)
    twice = replace(made, results=(*made.results, replace(made.results[0], outcome=Outcome.MET)))
    assert "the card tells one result twice" in replay(twice).differences
    sealed = card(blocked=False)
    assert replay(replace(sealed, proof=Proof(verdict="fail"))).differences


@pytest.mark.parametrize("changes", [{"ok": True}, {"next_step": None}, {"surplus": 1}])
def test_a_card_whose_parts_contradict_each_other_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    place = tmp_path / "card.json"
    place.write_bytes(canonical.encode(to_json(card(blocked=True))))
    read_card(place)
    place.write_bytes(canonical.encode({**to_json(card(blocked=True)), **changes}))
    with pytest.raises(EvidenceError):
        read_card(place)


@pytest.mark.parametrize(
    "changes",
    [
        {"basis__today": "tomorrow"},
        {"basis__claims__1__q": "many"},
        {"basis__claims__1__verdict": "fine"},
        {"basis__policy": {}},
    ],
)
def test_a_malformed_basis_is_an_error(changes: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError):
        replay(altered(**changes))


def test_the_private_number_is_nowhere_on_the_card() -> None:
    for form in FORMS.values():
        assert not re.search(r'"q":"31"|\b31\b', form(card(blocked=True)).replace("ab" * 20, ""))


def test_the_decision_is_bound_to_its_leaf() -> None:
    made = card(blocked=False)
    record = Record(
        key=LEAF_KEY,
        verdict=Verdict.MET,
        producer=PRODUCER,
        inputs="0" * 64,
        text="met",
        evidence=(EvidenceRef("decision.json", decision_digest(made)),),
    )
    leaf = parse_leaf(leaf_bytes(record, salt=bytes(16)))
    assert sealed_difference(made, {leaf.id: leaf}) is None
    # Cost and proof are no part of the decision; the results are.
    assert sealed_difference(replace(made, cost=(("test", "9 s"),)), {leaf.id: leaf}) is None
    assert sealed_difference(replace(made, results=made.results[1:]), {leaf.id: leaf}) is not None
    assert sealed_difference(made, {}) == f"no leaf {LEAF_KEY} is among those given"


def crowded(count: int) -> Card:
    made = card(blocked=True)
    result = made.results[0]
    results = tuple(replace(result, key=f"taint/flows/file{n}.py", value="x" * 50) for n in range(count))
    remark = made.remarks[0]
    remarks = tuple(replace(remark, line=n + 1) for n in range(min(count, 100)))
    return replace(made, results=results, remarks=remarks)


@pytest.mark.parametrize("limit", [4000, 60_000, 1_000_000])
def test_markdown_keeps_its_limit_and_is_cut_between_rows(limit: int) -> None:
    text = markdown(crowded(5000), limit=limit)
    assert len(text) <= limit
    assert text.startswith(MARKER)
    assert "BLOCKED" in text
    assert "**Next step**" in text
    assert "Left out for length" in text or limit == 1_000_000
    assert "**Found**" in text
    for line in text.splitlines():
        if line.startswith("| ❌"):
            assert line.endswith(" |")
            assert line.count(" | ") == 5


def test_annotations_keep_githubs_limit_and_say_what_was_left_out() -> None:
    commands = workflow_commands(crowded(50))
    errors = [line for line in commands if line.startswith("::error")]
    assert len(errors) == MAX_EACH
    assert "more errors" in errors[-1]


def test_nothing_a_plugin_says_is_rendered_or_obeyed() -> None:
    made = card(blocked=True)
    evil = Remark(
        key="k/x",
        path="a\n::error::b",
        line=0,
        column=0,
        rule="r\x1b[31m",
        level="error",
        message="</td><script>alert(1)</script>\u202e ![x](http://e) **b** `c` @team\r\n::set-output name=a::b",
    )
    made = replace(made, remarks=(evil,))
    page = html_page(made)
    assert "<script" not in page
    assert "\u202e" not in page
    assert "default-src 'none'" in page
    shown = "\n".join(lines(made))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert all(not line.startswith(("::error::b", "::set-output")) for line in workflow_commands(made))
    assert all("\n" not in line for line in workflow_commands(made))
    rendered = markdown(made)
    assert "@team" not in rendered
    assert "](http" not in rendered
    assert "<script" not in rendered


def test_the_page_loads_nothing() -> None:
    page = html_page(card(blocked=True))
    assert not re.search(r"(src|href|url|@import|xlink)\s*[=(]\s*[\"']?(https?:)?//", page.partition("<body>")[0])
    assert "prefers-color-scheme: dark" in page
    assert "style=" not in page.partition("<body>")[2]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"schema":"maestro.card/1"}', b'{"schema":"maestro.card/2"}'])
def test_what_is_no_card_is_refused(tmp_path: Path, data: bytes) -> None:
    place = tmp_path / "card.json"
    place.write_bytes(data)
    with pytest.raises(EvidenceError):
        read_card(place)
