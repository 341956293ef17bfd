from __future__ import annotations

import shutil
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from maestro_hooks import Finding, Obligation, hookimpl
from maestro_hooks.config import Layers
from maestro_hooks.discovery import Found
from maestro_hooks.evidence import inputs as inputs_module
from maestro_hooks.evidence.obligation import Attachment, Location, Verdict
from maestro_hooks.host import Host
from maestro_hooks.pipeline.checking import CheckJob, run_checks
from maestro_hooks.pipeline.gates import source_files
from maestro_hooks.project.blobs import Blobs
from maestro_hooks.project.repository import Repository
from maestro_hooks.requests import CacheEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from maestro_hooks.evidence.inputs import Inputs
    from maestro_hooks.evidence.record import Record
    from maestro_hooks.pipeline.gates import GateRun
    from maestro_hooks.requests import CheckRequest, FetchRequest, StoreRequest
    from tests.support.git_repository import GitRepository


class Sink:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def inputs(self, inputs: Inputs) -> str:
        return inputs_module.digest(inputs_module.encode(inputs))

    def append(self, record: Record, meta: Mapping[str, object] | None = None) -> None:
        self.records.append(record)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[CheckRequest], Iterable[Any]]], Host]:
    def make(maestro_check: Callable[[CheckRequest], Iterable[Any]], *others: Callable[..., Any]) -> Host:
        module = types.ModuleType("maestro_test_gate", "A gate for a test.")
        vars(module).update(MAESTRO_API=1, maestro_check=hookimpl(maestro_check))
        vars(module).update({other.__name__: hookimpl(other) for other in others})
        module.maestro_check.__name__ = "maestro_check"
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr("maestro_hooks.tools.code_digest", lambda name: "fixed")
        return Host.load(Layers({}, {}), [Found("gate", module.__name__, "gate", "1")])

    return make


def run(host: Host, root: Path, **options: Any) -> tuple[GateRun, Sink]:
    repository, sink = Repository.find(root), Sink()
    files = tuple(source_files(repository, only=None, exclude=()))
    job = CheckJob(root=root, files=files, whole=True, **options)
    (done,) = run_checks(host, job, only=None, sink=sink, blobs=Blobs(root), told=lambda name: None)
    return done, sink


def test_a_gate_that_dies_midway_contributes_only_its_error(gate: Any, repository: GitRepository) -> None:
    def maestro_check(request: CheckRequest) -> Iterable[Obligation]:
        yield Obligation(key="gate/good", value=0, max=0)
        raise ValueError("boom")

    repository.commit({"a.py": "1"})
    done, sink = run(gate(maestro_check), repository.root)
    assert [(r.key, r.verdict, r.error) for r in sink.records] == [("gate/gate", Verdict.ERROR, "ValueError: boom")]
    assert done.failure is not None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no obligation", "expected Obligation"),
        (Obligation(key="other/x", value=0), "outside the plugin's namespaces"),
        (Obligation(key="gate/gate", value=0), "the host's own"),
        (Obligation(key="gate/x", value=0, files=("elsewhere.py",)), "was not in the request"),
    ],
)
def test_what_a_plugin_may_not_claim(gate: Any, repository: GitRepository, value: object, words: str) -> None:
    repository.commit({"a.py": "1"})
    done, _ = run(gate(lambda request: [value]), repository.root)
    assert done.failure is not None
    assert words in done.failure.message


def test_claims_name_what_they_were_made_from(gate: Any, repository: GitRepository) -> None:
    def maestro_check(request: CheckRequest) -> Iterable[Obligation]:
        finding = Finding(rule="r", message="m", at=Location("a.py", 1))
        yield Obligation(key="gate/a", value=1, max=0, files=("a.py",), findings=(finding,))
        yield Obligation(key="gate/all", value=0, attachments=(Attachment("report", b"bytes"),))

    repository.commit({"a.py": "1", "b.py": "2"})
    done, _ = run(gate(maestro_check), repository.root)
    by_key = {c.record.key: c for c in done.claims}
    assert set(by_key["gate/a"].inputs.files or {}) == {"a.py"}
    assert set(by_key["gate/all"].inputs.files or {}) == {"a.py", "b.py"}
    (reference,) = by_key["gate/all"].record.evidence
    assert Blobs(repository.root).get(reference.sha256) == b"bytes"


def test_results_are_reused_until_something_they_read_changes(gate: Any, repository: GitRepository) -> None:
    calls: list[int] = []

    def maestro_check(request: CheckRequest) -> Iterable[Obligation]:
        calls.append(len(request.files))
        yield Obligation(key="gate/x", value=1, max=0, findings=(request.finding(request.files[0], 1, "r", "m"),))

    repository.commit({"a.py": "1"})
    host = gate(maestro_check)
    first, _ = run(host, repository.root)
    second, _ = run(host, repository.root)
    assert (first.claims, second.reused, len(calls)) == (second.claims, True, 1)
    run(host, repository.root, fresh=True)
    run(host, repository.root, fix=True)
    assert len(calls) == 3
    repository.write({"a.py": "2"})
    third, _ = run(host, repository.root)
    assert (third.reused, len(calls)) == (False, 4)


def test_results_about_the_whole_tree_travel_through_the_cache(gate: Any, repository: GitRepository) -> None:
    calls: list[int] = []
    entries: dict[str, CacheEntry] = {}

    def maestro_check(request: CheckRequest) -> Iterable[Obligation]:
        calls.append(1)
        yield Obligation(key="gate/x", value=1, max=0, findings=(request.finding(request.files[0], 1, "r", "m"),))

    def maestro_fetch(request: FetchRequest) -> CacheEntry | None:
        return entries.get(request.key)

    def maestro_store(request: StoreRequest) -> None:
        entries[request.key] = request.entry

    repository.commit({"a.py": "1"})
    host = gate(maestro_check, maestro_fetch, maestro_store)
    first, _ = run(host, repository.root)
    shutil.rmtree(repository.root / ".maestro")  # as on another machine
    second, _ = run(host, repository.root)
    assert (second.reused, second.claims, len(calls)) == (True, first.claims, 1)
    shutil.rmtree(repository.root / ".maestro")
    (key,) = entries
    entries[key] = CacheEntry(metadata={}, blobs={"held.json": entries[key].blobs["held.json"]})  # evidence is missing
    assert not run(host, repository.root)[0].reused
    assert len(calls) == 2


def test_an_error_is_never_reused(gate: Any, repository: GitRepository) -> None:
    calls: list[int] = []

    def maestro_check(request: CheckRequest) -> Iterable[Obligation]:
        calls.append(1)
        raise OSError("once")

    repository.commit({"a.py": "1"})
    host = gate(maestro_check)
    run(host, repository.root)
    run(host, repository.root)
    assert len(calls) == 2


def test_damaged_evidence_behind_a_held_result_means_running_it_again(gate: Any, repository: GitRepository) -> None:
    def maestro_check(request: CheckRequest) -> Iterable[Obligation]:
        yield Obligation(key="gate/x", value=1, max=0, findings=(request.finding(request.files[0], 1, "r", "m"),))

    repository.commit({"a.py": "1"})
    host = gate(maestro_check)
    run(host, repository.root)
    for blob in (repository.root / ".maestro" / "blobs").rglob("*"):
        if blob.is_file():
            blob.chmod(0o600)
            blob.write_bytes(b"damaged")
    done, _ = run(host, repository.root)
    assert not done.reused


def test_a_file_that_changes_while_it_is_checked(gate: Any, repository: GitRepository) -> None:
    def maestro_check(request: CheckRequest) -> Iterable[Obligation]:
        (request.root / "a.py").write_text("changed", encoding="utf-8")
        request.files[0].data  # noqa: B018 - reading is the point
        yield Obligation(key="gate/x", value=0)

    repository.commit({"a.py": "1"})
    done, _ = run(gate(maestro_check), repository.root)
    assert done.failure is not None
    assert "changed while it was being checked" in done.failure.message
