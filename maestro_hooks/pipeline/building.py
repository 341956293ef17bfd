"""The build step: sdist and wheel from a clean copy of the tree, so that nothing git does not know can slip in.

Invariant: an artifact is recorded as ``build/artifact/<sha256>`` with the tree it was built from; the work
directory itself is never built in and never changed, except for the artifacts put into the output directory.
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

from maestro_hooks.errors import ToolError
from maestro_hooks.evidence.inputs import Inputs
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import EvidenceRef, Producer, error_record, record_of
from maestro_hooks.pipeline.processes import run
from maestro_hooks.project.git import git
from maestro_hooks.tools import code_digest

if TYPE_CHECKING:
    from maestro_hooks.pipeline.gates import Sink
    from maestro_hooks.project.repository import Repository
    from maestro_hooks.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Artifact:
    """A built file and its lowercase hexadecimal SHA-256."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class BuildStep:
    """What was built; ``words`` says how it ended, ``tail`` is the log's end if it failed."""

    ok: bool
    words: str
    artifacts: tuple[Artifact, ...] = ()
    tail: str = ""


def buildable(root: Path) -> bool:
    """Whether the project says how to build it (PEP 517 ``pyproject.toml`` with a build system, or ``setup.py``)."""
    if (root / "setup.py").is_file():
        return True
    try:
        return "build-system" in tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def build(workspace: Workspace, *, tree: str, sink: Sink) -> BuildStep:
    """Build with pypa/build in an isolated environment and put the artifacts into the output directory.

    Raises:
        ToolError: the clean copy or the output directory cannot be made.
    """
    repository, settings = workspace.repository, workspace.host.settings
    if not buildable(repository.root):
        return BuildStep(ok=True, words="nothing to build: no [build-system] in pyproject.toml and no setup.py")
    with tempfile.TemporaryDirectory(prefix="maestro-build-") as scratch:
        source, out = Path(scratch) / "source", Path(scratch) / "out"
        copy_tree(repository, source)
        command = [sys.executable, "-m", "build", "--outdir", str(out), str(source)]
        epoch = repository.commit_time()
        env = {} if epoch is None else {"SOURCE_DATE_EPOCH": str(epoch)}
        done = run(command, cwd=source, env=env, timeout_s=settings.run.build_timeout_s)
        log = workspace.blobs.put(done.output)
        inputs = Inputs(plugin="build", version=version("build"), tree=tree, tools={"maestro": code_digest(__name__)})
        digest = sink.inputs(inputs)
        producer = Producer(plugin="build", version=version("build"), hook="maestro_run")
        if done.code != 0:
            words = f"the build failed ({done.words})"
            sink.append(error_record("build/completed", producer=producer, inputs=digest, error=words), {"log": log})
            return BuildStep(ok=False, words=words, tail=done.tail)
        artifacts = _deliver(sorted(out.iterdir()), repository.root / settings.dist)
    for artifact in artifacts:
        name = artifact.path.name
        claim = Obligation(key=f"build/artifact/{artifact.sha256[:16]}", value=name, kind="build")
        evidence = (EvidenceRef(name, artifact.sha256),)
        sink.append(record_of(claim, producer=producer, inputs=digest, evidence=evidence), {"log": log})
    completed = Obligation(key="build/completed", value=True, min=True, kind="build")
    sink.append(record_of(completed, producer=producer, inputs=digest), {"seconds": round(done.seconds, 1)})
    return BuildStep(ok=True, words=f"{len(artifacts)} artifacts in {done.seconds:.1f} s", artifacts=artifacts)


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


def _deliver(built: list[Path], dist: Path) -> tuple[Artifact, ...]:
    """Copy built files into the output directory, hidden from git if this made it, each by an atomic rename."""
    if not built:
        raise ToolError("the build backend made no file", fix="run 'python -m build' and see what it says")
    if not dist.exists():
        dist.mkdir(parents=True)
        (dist / ".gitignore").write_text("*\n", encoding="utf-8")
    artifacts = []
    for file in built:
        place = dist / file.name
        temporary = dist / f".{file.name}.tmp"
        shutil.copyfile(file, temporary)
        temporary.replace(place)
        artifacts.append(Artifact(place, hashlib.sha256(place.read_bytes()).hexdigest()))
    return tuple(artifacts)
