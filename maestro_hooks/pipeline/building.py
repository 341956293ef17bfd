"""The build step: sdist and wheel from a clean copy of the tree, so that nothing git does not know can slip in.

Invariant: an artifact is recorded as ``build/artifact/<sha256>`` with the tree it was built from; the work
directory itself is never built in and never changed, except for the artifacts put into the output directory. A build
is taken from the cache only if tree, commit, tags, interpreter, installations and variables are those it was made
with; which build backend an isolated build downloads is not among them, so ``fresh`` builds again.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.caching import HostCache
from maestro_hooks.errors import ToolError
from maestro_hooks.evidence import inputs as inputs_module
from maestro_hooks.evidence.inputs import Inputs
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import EvidenceRef, Producer, error_record, record_of
from maestro_hooks.pipeline.processes import run
from maestro_hooks.pipeline.surroundings import fingerprint
from maestro_hooks.project.files import write_atomic
from maestro_hooks.project.git import git
from maestro_hooks.requests import CacheEntry
from maestro_hooks.tools import code_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_hooks.evidence.record import Record
    from maestro_hooks.pipeline.gates import Sink
    from maestro_hooks.pipeline.processes import Finished
    from maestro_hooks.project.repository import Repository
    from maestro_hooks.workspace import Workspace

PLUGIN = "build"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A built file and its lowercase hexadecimal SHA-256."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class BuildStep:
    """What was built; ``words`` says how it ended, ``tail`` is the log's end if it failed.

    ``saved_s`` are the seconds the build took when it was made, if it was not made now.
    """

    ok: bool
    words: str
    artifacts: tuple[Artifact, ...] = ()
    tail: str = ""
    saved_s: float = 0.0


def buildable(root: Path) -> bool:
    """Whether the project says how to build it (PEP 517 ``pyproject.toml`` with a build system, or ``setup.py``)."""
    if (root / "setup.py").is_file():
        return True
    try:
        return "build-system" in tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def inputs_of_build(tree: str) -> Inputs:
    """What a build's claims are made from: the tree, and the tools of now."""
    return Inputs(plugin=PLUGIN, version=version("build"), tree=tree, tools={"maestro": code_digest(__name__)})


def build(workspace: Workspace, *, tree: str, sink: Sink, fresh: bool = False) -> BuildStep:
    """Build with pypa/build in an isolated environment and put the artifacts into the output directory.

    Args:
        workspace: the repository and its host.
        tree: the git tree id of the work directory.
        sink: where the claims go.
        fresh: build again, even where an earlier build holds.

    Raises:
        ToolError: the clean copy or the output directory cannot be made.
    """
    root = workspace.root
    if not buildable(root):
        return BuildStep(ok=True, words="nothing to build: no [build-system] in pyproject.toml and no setup.py")
    inputs = inputs_of_build(tree)
    cache, key = HostCache(workspace.host, "build", root), _key(workspace, inputs)
    held = cache.fetch(key) if key and not fresh else None
    if held is None:
        made, done = _made(workspace)
        log = {"log": workspace.blobs.put(done.output)}
        if done.code != 0:
            words = f"the build failed ({done.words})"
            sink.append(_failed(inputs, words, sink), log)
            return BuildStep(ok=False, words=words, tail=done.tail)
        milliseconds = round(done.seconds * 1000)
        if key:
            cache.store(key, CacheEntry(metadata={"milliseconds": milliseconds}, blobs=made))
        words, saved_s = f"{len(made)} artifacts in {done.seconds:.1f} s", 0.0
        meta: dict[str, object] = {"seconds": round(done.seconds, 1), **log}
    else:
        made, saved_s = dict(held.blobs), _seconds(held)
        words = f"{len(made)} artifacts of an earlier build of this tree, which took {saved_s:.1f} s"
        meta = {"reused": key}
    artifacts = _deliver(made, root / workspace.host.settings.dist)
    _record(artifacts, inputs, sink, meta)
    return BuildStep(ok=True, words=words, artifacts=artifacts, saved_s=saved_s)


def _key(workspace: Workspace, inputs: Inputs) -> str:
    """What a build depends on, digested: version tools read the commit and the tags; ``""`` if it cannot be named."""
    around = fingerprint(workspace.root)
    tags = git(workspace.root, "for-each-ref", "--format=%(objectname) %(refname)", "refs/tags")
    parts = (inputs_module.encode(inputs), around.encode(), workspace.repository.head.encode(), tags)
    return hashlib.sha256(b"\0".join(parts)).hexdigest() if around else ""


def _made(workspace: Workspace) -> tuple[dict[str, bytes], Finished]:
    """Build in a scratch directory: the files made, by name, and how the build ended."""
    repository = workspace.repository
    with tempfile.TemporaryDirectory(prefix="maestro-build-") as scratch:
        source, out = Path(scratch) / "source", Path(scratch) / "out"
        copy_tree(repository, source)
        command = [sys.executable, "-m", "build", "--outdir", str(out), str(source)]
        epoch = repository.commit_time()
        env = {} if epoch is None else {"SOURCE_DATE_EPOCH": str(epoch)}
        limit = workspace.host.settings.run.build_timeout_s
        done = run(command, cwd=source, env=env, timeout_s=limit, label="building")
        made = {file.name: file.read_bytes() for file in sorted(out.iterdir())} if done.code == 0 else {}
    if done.code == 0 and not made:
        raise ToolError("the build backend made no file", fix="run 'python -m build' and see what it says")
    return made, done


def _seconds(held: CacheEntry) -> float:
    milliseconds = held.metadata.get("milliseconds")
    return milliseconds / 1000 if isinstance(milliseconds, int) else 0.0


def _producer() -> Producer:
    return Producer(plugin=PLUGIN, version=version("build"), hook="maestro_run")


def _failed(inputs: Inputs, words: str, sink: Sink) -> Record:
    return error_record("build/completed", producer=_producer(), inputs=sink.inputs(inputs), error=words)


def _record(artifacts: tuple[Artifact, ...], inputs: Inputs, sink: Sink, meta: dict[str, object]) -> None:
    digest, producer = sink.inputs(inputs), _producer()
    for artifact in artifacts:
        name = artifact.path.name
        claim = Obligation(key=f"build/artifact/{artifact.sha256[:16]}", value=name, kind="build")
        evidence = (EvidenceRef(name, artifact.sha256),)
        sink.append(record_of(claim, producer=producer, inputs=digest, evidence=evidence), meta)
    completed = Obligation(key="build/completed", value=True, min=True, kind="build")
    sink.append(record_of(completed, producer=producer, inputs=digest), meta)


def copy_tree(repository: Repository, target: Path) -> None:
    """A clone with the work directory's content: history for version tools, files as they are now, nothing ignored."""
    git(repository.root, "clone", "--quiet", "--no-hardlinks", "--no-checkout", str(repository.root), str(target))
    if repository.head:
        git(target, "reset", "--quiet", repository.head)
    for raw in git(repository.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split(b"\0"):
        name = raw.decode("utf-8", "surrogateescape")
        origin, place = repository.root / name, target / name
        if not name or "__pycache__" in origin.parts or not (origin.is_file() or origin.is_symlink()):
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(origin, place, follow_symlinks=False)


def _deliver(made: Mapping[str, bytes], dist: Path) -> tuple[Artifact, ...]:
    """Put built files into the output directory, hidden from git if this made it, each by an atomic rename."""
    if not dist.exists():
        dist.mkdir(parents=True)
        (dist / ".gitignore").write_text("*\n", encoding="utf-8")
    artifacts = []
    for name, data in sorted(made.items()):
        write_atomic(dist / name, data)
        artifacts.append(Artifact(dist / name, hashlib.sha256(data).hexdigest()))
    return tuple(artifacts)
