"""Reuse over the history of a real project, with the mix of actions and builds stated.

    python benchmarks/cas_reuse.py REPOSITORY [--commits 60] [--builds 1] [--write docs/build-cache.md]
    python benchmarks/cas_reuse.py DIRECTORY_OF_WHEELS ...

Commits are the last ones of a git repository that change Python sources, merges left out, in order; or each release
of one project (``pip download --no-deps``) as one commit. Each is built as a rule-based build would, every action
declaring what it reads and no more:

- ``compile``: each module to bytecode (reads the module);
- ``document``: each module's documentation strings (reads the module);
- ``interface``: each module's public names (reads the module);
- ``names``: each directory's public names (reads the interfaces made before: equal ones cut the rest off early);
- ``index``: the project's public names (reads the directories' names);
- ``bundle``: everything in one file (reads everything: never reused after a change).

``--builds`` is how often each commit is built, by machines that share the cache: 1 means nothing is ever built twice.
"""

from __future__ import annotations

import argparse
import ast
import functools
import importlib.util
import re
import shutil
import statistics
import subprocess
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.tables import markdown, publish
from maestro_cas import engine, journal
from maestro_cas.aside import Aside
from maestro_cas.engine import Action, Hit, Run
from maestro_cas.globs import compile_globs
from maestro_cas.record import Reads
from maestro_cas.remote.access import Remotes
from maestro_cas.reuse import by_name
from maestro_cas.settings import CasSettings
from maestro_cas.store import Store, open_store

OUT = "made-by-the-build"
SAMPLE = 8


@dataclass
class Build:
    """A work tree with its store."""

    root: Path
    store: Store
    remotes: Remotes
    wrong: int = 0
    compared: int = 0
    cold: int = 0
    events: list[journal.Event] = field(default_factory=list)

    def act(self, name: str, inputs: list[str], output: str) -> None:
        """Look one action up, or do it; one hit in ``SAMPLE`` is compared with what doing it makes."""
        action = Action(
            name=name, root=str(self.root), inputs=compile_globs(inputs, where=name),
            outputs=compile_globs([output], where=name), components={"action": name, "of": output}, mode="trust",
        )  # fmt: skip
        began = time.monotonic()
        prepared = engine.prepare(self.store, action)
        outcome = engine.look_up(self.store, prepared)
        target = self.root / output
        if isinstance(outcome, Hit):
            size = outcome.record.size
            if int(prepared.key[:4], 16) % SAMPLE == len(self.events) % SAMPLE:
                self.compared += 1
                self.wrong += target.read_bytes() != make(name, self.root, inputs)
        else:
            aside = Aside(str(self.root), action.outputs)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(make(name, self.root, inputs))
            size = target.stat().st_size
            run = Run(duration_ms=int((time.monotonic() - began) * 1000), log=b"", reads=Reads("none"))
            refused = engine.store_run(self.store, prepared, run, remotes=lambda: self.remotes, now=time.time())
            assert refused == "", refused
            aside.discard()
        self.events.append(
            journal.Event(
                at=0,
                name=name,
                key=prepared.key,
                root="",
                size=size,
                result="hit" if isinstance(outcome, Hit) else "miss",
            )
        )


def main() -> None:
    """Build every commit and print the reuse."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("history", type=Path)
    parser.add_argument("--commits", type=int, default=60)
    parser.add_argument("--builds", type=int, default=1)
    parser.add_argument("--write", type=Path, help="put the table into this page")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="maestro-reuse-") as text:
        root = Path(text) / "work"
        page_mark = "cas_reuse.py"
        if (given.history / ".git").exists():
            commits, about = last_commits(given.history, given.commits)
            source = given.history
        else:
            page_mark += ", releases"
            source = Path(text) / "history"
            commits, about = releases(source, given.history, given.commits)
        assert len(commits) >= 30, f"only {len(commits)} commits: at least 30 are asked for"
        subprocess.run(["git", "clone", "-q", "--no-checkout", str(source.resolve()), str(root)], check=True)
        store = open_store(str(Path(text) / "store"))
        remotes = Remotes(store, CasSettings(), root=text, publishing=False, announce=print)
        build = Build(root, store, remotes)
        per_commit = []
        for commit in commits:
            for _ in range(given.builds):
                start = len(build.events)
                subprocess.run(["git", "-C", str(root), "checkout", "-q", "--force", commit], check=True)
                shutil.rmtree(root / OUT, ignore_errors=True)
                build_tree(build)
                per_commit.append(by_name(build.events[start:])[-1].action_permille)
                build.cold = build.cold or len(build.events)
    lines = [f"{about}, each built {given.builds} time(s), in order.", "", *report(build, per_commit)]
    print("\n".join(lines))
    if given.write:
        publish(given.write, page_mark, lines)
    assert build.wrong == 0


def last_commits(repository: Path, count: int) -> tuple[list[str], str]:
    """The last commits that change Python sources, oldest first, and how much each changes."""
    log = ["git", "-C", str(repository), "log", "--no-merges", "--topo-order", f"-{count}", "--format=commit %H"]
    entries = subprocess.check_output([*log, "--numstat", "--", "*.py"], text=True).split("commit ")[:0:-1]
    commits = [entry.split()[0] for entry in entries]
    changed = [len(entry.split("\n", 1)[1].split("\n")) - 2 for entry in entries]
    about = f"{len(commits)} commits of the repository's history, {commits[0][:8]} to {commits[-1][:8]}"
    return commits, f"{about} (Python files changed: median {statistics.median(changed):.0f}, at most {max(changed)})"


def releases(place: Path, folder: Path, count: int) -> tuple[list[str], str]:
    """One commit per wheel, holding the package's Python sources."""
    wheels = sorted(folder.glob("*.whl"), key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)[:3]])[-count:]
    git = ["git", "-C", str(place)]
    place.mkdir()
    subprocess.run([*git, "init", "-q"], check=True)
    commits = []
    for wheel in wheels:
        shutil.rmtree(place / "src", ignore_errors=True)
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                if member.endswith((".py", ".pyi", ".txt", ".typed")) and ".dist-info/" not in member:
                    archive.extract(member, place / "src")
        subprocess.run([*git, "add", "-A"], check=True)
        who = ["-c", "user.name=benchmark", "-c", "user.email=b@example.invalid", "-c", "gc.auto=0"]
        subprocess.run([*git, *who, "commit", "-q", "-m", wheel.name], check=True)
        commits.append(subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip())
    return commits, f"{len(wheels)} releases, {wheels[0].stem.split('-py')[0]} to {wheels[-1].stem.split('-py')[0]}"


def build_tree(build: Build) -> None:
    """All actions of one commit."""
    modules = sorted(
        p.relative_to(build.root).as_posix() for p in build.root.rglob("*.py") if OUT not in p.parts and compiles(p)
    )
    for module in modules:
        build.act("compile", [module], f"{OUT}/pyc/{module}c")
        build.act("document", [module], f"{OUT}/doc/{module}.txt")
        build.act("interface", [module], f"{OUT}/api/{module}.txt")
    for folder in sorted({str(Path(m).parent) for m in modules}):
        below = "" if folder == "." else f"{folder}/"
        build.act("names", [f"{OUT}/api/{below}*.txt"], f"{OUT}/names/{below}names.txt")
    build.act("index", [f"{OUT}/names/**/*.txt"], f"{OUT}/index.txt")
    build.act("bundle", ["**/*.py"], f"{OUT}/bundle.txt")


def compiles(path: Path) -> bool:
    """Whether a file is Python: samples for tests need not be."""
    return is_python(path.read_bytes())


@functools.cache
def is_python(source: bytes) -> bool:
    """Whether a source compiles."""
    try:
        compile(source, "module", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def make(name: str, root: Path, inputs: list[str]) -> bytes:
    """What an action makes: a function of its inputs."""
    if name in ("names", "index", "bundle"):
        sources = sorted(
            p for pattern in inputs for p in root.glob(pattern.removesuffix("**") + "**/*" * pattern.endswith("**"))
        )
        return b"".join(p.read_bytes() for p in sources if p.is_file() and (name != "bundle" or OUT not in p.parts))
    source = (root / inputs[0]).read_bytes()
    if name == "compile":
        import marshal  # noqa: PLC0415 - only here

        return importlib.util.MAGIC_NUMBER + marshal.dumps(compile(source, inputs[0], "exec", dont_inherit=True))
    tree = ast.parse(source)
    if name == "document":
        nodes = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Module)]
        return "\n\n".join(ast.get_docstring(n) or "" for n in nodes).encode()
    named = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")]
    return "".join(f"{inputs[0]} {n.name}\n" for n in named).encode()


def report(build: Build, per_commit: list[int]) -> list[str]:
    """The table and what it means."""
    rows = [("all but the first build", by_name(build.events[build.cold :])[-1])]
    rows = [*((row.name, row) for row in by_name(build.events)), *rows]
    cells = [
        (name, f"{r.lookups:,}", f"{r.hits:,}", f"{r.action_permille / 10:.1f} %", f"{r.byte_permille / 10:.1f} %")
        for name, r in rows
    ]
    least = f"Least of any later build: {min(per_commit[1:]) / 10:.1f} % of results."
    checked = f"Hits compared with a fresh computation, one in {SAMPLE}: {build.compared:,}; wrong: {build.wrong}."
    header = ("action", "look-ups", "hits", "results reused", "bytes of outputs reused")
    return [*markdown(header, cells), "", f"`all` counts the first build, whose cache was empty. {least} {checked}"]


if __name__ == "__main__":
    main()
