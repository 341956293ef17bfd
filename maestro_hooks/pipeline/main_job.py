"""The main job: check, test, build, seal, verify, each a step with its name, its end and its time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_hooks.errors import UsageError
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.pipeline.building import build
from maestro_hooks.pipeline.deciding import card_of, decide_tree
from maestro_hooks.pipeline.gathering import check_whole_tree, look_at_tree
from maestro_hooks.pipeline.held_tests import held_run, hold_run
from maestro_hooks.pipeline.sealing import seal_and_verify
from maestro_hooks.pipeline.testing import run_tests
from maestro_hooks.policy.load import load_policy

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from maestro_hooks.pipeline.card import Card
    from maestro_hooks.pipeline.deciding import Decided
    from maestro_hooks.pipeline.gathering import Tree
    from maestro_hooks.pipeline.sealing import SealStep
    from maestro_hooks.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the main job; ``seconds`` is wall time."""

    name: str
    ok: bool
    words: str
    seconds: float
    tail: str = ""


@dataclass(slots=True)
class MainJob:
    """The main job over one workspace; steps are appended as they end and told through ``told``."""

    workspace: Workspace
    now: dt.datetime
    env: Mapping[str, str]
    told: Callable[[Step], None]
    fresh: bool = False
    show: bool = False
    steps: list[Step] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)
    sealed: SealStep | None = None
    decided: Decided | None = None

    def run(self) -> Card:
        """Run every step; a failing check, test or build does not keep the others from being told.

        Raises:
            UsageError: no commit, no policy, no key.
            EvidenceError: the ledger is damaged or contradicts itself.
        """
        if not self.workspace.repository.head:
            raise UsageError(
                "this repository has no commit yet", where=str(self.workspace.root), fix="git add -A && git commit"
            )
        load_policy(self.workspace.root, self.workspace.host.settings.policy)
        tree = look_at_tree(self.workspace)
        self._check()
        test_run = self._test(tree)
        self._build(tree)
        self._seal(tree, test_run)
        decided = self.decided
        if decided is None:
            raise UsageError("nothing was decided")
        proof = None if self.sealed is None else self.sealed.proof
        cost = [(s.name, f"{s.seconds:.1f} s") for s in self.steps]
        cost += [("saved", "; ".join(self.saved))] if self.saved else []
        return card_of(self.workspace, decided, cost=cost, proof=proof)

    def _check(self) -> None:
        began = time.monotonic()
        runs = check_whole_tree(self.workspace, fresh=self.fresh)
        records = [c.record for r in runs for c in r.claims]
        bad = [r for r in records if r.verdict in (Verdict.UNMET, Verdict.ERROR)]
        reused = [r.plugin for r in runs if r.reused]
        if reused:
            self.saved.append(f"gates not run again: {', '.join(reused)}")
        words = f"{len(runs)} gates, {len(records)} obligations, {len(bad)} not met"
        self._done("check", not bad, words + (f", {len(reused)} gates reused" if reused else ""), began)

    def _test(self, tree: Tree) -> str:
        began = time.monotonic()
        held = None if self.fresh else held_run(self.workspace, tree.id)
        if held is not None:
            self.saved.append(f"tests not run again, {held.milliseconds / 1000:.1f} s")
            self._done("test", ok=True, words=f"{held.words}, by an earlier run of this tree", began=began)
            return held.inputs
        with self.workspace.writer("test") as sink:
            step = run_tests(
                self.workspace,
                tree=tree.id,
                run_id=self.workspace.run_id(),
                sink=sink,
                show=self.show,
                fresh=self.fresh,
            )
        if step.skips:
            self.saved.append(f"{step.skips} tests not run, for nothing they touched has changed since they passed")
        self._done("test", step.ok, step.words, began, step.tail)
        hold_run(self.workspace, tree.id, step, seconds=time.monotonic() - began)
        return step.inputs

    def _build(self, tree: Tree) -> None:
        if not self.workspace.host.settings.run.build:
            return
        began = time.monotonic()
        with self.workspace.writer("build") as sink:
            step = build(self.workspace, tree=tree.id, sink=sink, fresh=self.fresh)
        if step.saved_s:
            self.saved.append(f"not built again, {step.saved_s:.1f} s")
        self._done("build", step.ok, step.words, began, step.tail)

    def _seal(self, tree: Tree, test_run: str) -> None:
        began = time.monotonic()
        self.decided = decide_tree(self.workspace, tree, today=self.now.date(), test_run=test_run)
        if not self.decided.decision.met:
            count = len(self.decided.decision.blocking)
            self._done("seal", ok=False, words=f"not sealed: {count} required obligations are not met", began=began)
            return
        self.sealed = seal_and_verify(self.workspace, self.decided, artifacts=(), now=self.now, env=self.env)
        size = len(self.decided.decision.records)
        verify_began = time.monotonic() - self.sealed.verify_s
        self._done("seal", ok=True, words=f"{size} obligations sealed", began=began + self.sealed.verify_s)
        self._done("verify", self.sealed.ok, f"verdict {self.sealed.proof.verdict}", verify_began)

    def _done(self, name: str, ok: bool, words: str, began: float, tail: str = "") -> None:  # noqa: FBT001 - private
        step = Step(name, ok, words, time.monotonic() - began, tail)
        self.steps.append(step)
        self.told(step)
