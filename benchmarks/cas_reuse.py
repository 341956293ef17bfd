"""Reuse over the history of a real project, with the mix of actions and builds stated.

    python benchmarks/cas_reuse.py DIRECTORY_OF_WHEELS [--builds 1]

The wheels are successive releases of one project, in order (``pip download --no-deps``). Each becomes one commit of a
git repository and is built as a rule-based build would: one action per module that compiles it to bytecode (inputs: the
module), one per module that extracts its documentation (inputs: the module), one per package directory that lists its
public names (inputs: the directory's modules), and one for the whole (inputs: everything). ``--builds`` is how often
each commit is built, by machines that share the cache: 1 means that nothing is ever built twice.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import re
import shutil
import subprocess
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from maestro_cas import engine, journal
from maestro_cas.aside import Aside
from maestro_cas.engine import Action, Hit, Run
from maestro_cas.globs import compile_globs
from maestro_cas.record import Reads
from maestro_cas.remote.access import Remotes
from maestro_cas.reuse import by_name
from maestro_cas.settings import CasSettings
from maestro_cas.store import Store, open_store


@dataclass
class Build:
    """A work tree with its store."""

    root: Path
    store: Store
    remotes: Remotes
    wrong: int = 0
    cold: int = 0
    events: list[journal.Event] = field(default_factory=list)

    def act(self, name: str, inputs: list[str], output: str) -> None:
        """Look one action up, or do it; each hit is compared with what doing it makes."""
        action = Action(
            name=name, root=str(self.root), inputs=compile_globs(inputs, where=name),
            outputs=compile_globs([output], where=name), components={"action": name, "of": output}, mode="trust",
        )  # fmt: skip
        began = time.monotonic()
        prepared = engine.prepare(self.store, action)
        outcome = engine.look_up(self.store, prepared)
        target = self.root / output
        if isinstance(outcome, Hit):
            size, expected = outcome.record.size, make(name, self.root, inputs)
            self.wrong += target.read_bytes() != expected
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
    parser.add_argument("wheels", type=Path)
    parser.add_argument("--builds", type=int, default=1)
    given = parser.parse_args()
    wheels = sorted(given.wheels.glob("*.whl"), key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)[:3]])
    assert len(wheels) >= 30, f"only {len(wheels)} releases: at least 30 are asked for"
    with tempfile.TemporaryDirectory(prefix="maestro-reuse-") as text:
        history, root = Path(text) / "history", Path(text) / "work"
        commits = make_history(history, wheels)
        subprocess.run(["git", "clone", "-q", str(history), str(root)], check=True)
        store = open_store(str(Path(text) / "store"))
        remotes = Remotes(store, CasSettings(), root=text, publishing=False, announce=print)
        build = Build(root, store, remotes)
        per_commit = []
        for commit in commits:
            for _ in range(given.builds):
                start = len(build.events)
                subprocess.run(["git", "-C", str(root), "checkout", "-q", commit], check=True)
                shutil.rmtree(root / "out", ignore_errors=True)
                build_tree(build)
                per_commit.append(by_name(build.events[start:])[-1].action_permille)
                build.cold = build.cold or len(build.events)
    report(build, wheels, per_commit, builds=given.builds)


def make_history(place: Path, wheels: list[Path]) -> list[str]:
    """One commit per wheel, holding the package's Python sources; returns the commit ids."""
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
        who = ["-c", "user.name=benchmark", "-c", "user.email=b@example.invalid"]
        subprocess.run([*git, *who, "commit", "-q", "-m", wheel.name], check=True)
        commits.append(subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip())
    return commits


def build_tree(build: Build) -> None:
    """All actions of one commit."""
    modules = sorted(p.relative_to(build.root).as_posix() for p in (build.root / "src").rglob("*.py"))
    for module in modules:
        build.act("compile", [module], f"out/pyc/{module}c")
        build.act("document", [module], f"out/doc/{module}.txt")
    for folder in sorted({str(Path(m).parent) for m in modules}):
        build.act("names", [f"{folder}/*.py"], f"out/names/{folder}/names.txt")
    build.act("whole", ["src/**/*.py"], "out/whole.txt")


def make(name: str, root: Path, inputs: list[str]) -> bytes:
    """What an action makes: a function of its inputs."""
    sources = sorted(p for pattern in inputs for p in root.glob(pattern) if p.is_file())
    if name == "compile":
        code = compile(sources[0].read_bytes(), inputs[0], "exec", dont_inherit=True)
        import marshal  # noqa: PLC0415 - only here

        return importlib.util.MAGIC_NUMBER + marshal.dumps(code)
    if name == "document":
        tree = ast.parse(sources[0].read_bytes())
        nodes = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Module)]
        return "\n\n".join(ast.get_docstring(n) or "" for n in nodes).encode()
    if name == "names":
        return "\n".join(
            f"{p.name} {n.name}" for p in sources for n in ast.parse(p.read_bytes()).body
            if isinstance(n, ast.FunctionDef | ast.ClassDef)
        ).encode()  # fmt: skip
    return b"".join(p.read_bytes() for p in sources)


def report(build: Build, wheels: list[Path], per_commit: list[int], *, builds: int) -> None:
    """Print the table and what it means."""
    print(f"{len(wheels)} releases, {wheels[0].name} to {wheels[-1].name}, each built {builds} time(s), in order")
    print(f"{'action':<10}{'look-ups':>9}{'hits':>7}{'results reused':>16}{'bytes reused':>14}")
    for row in by_name(build.events):
        print(
            f"{row.name:<10}{row.lookups:>9}{row.hits:>7}{row.action_permille / 10:>14.1f} %"
            f"{row.byte_permille / 10:>12.1f} %"
        )
    warm = by_name(build.events[build.cold :])[-1]
    print(
        f"{'all warm':<10}{warm.lookups:>9}{warm.hits:>7}{warm.action_permille / 10:>14.1f} %"
        f"{warm.byte_permille / 10:>12.1f} %   without the first build, which had an empty cache"
    )
    print(f"per build after the first: least {min(per_commit[1:]) / 10:.1f} % of results")
    hits = sum(e.result == "hit" for e in build.events)
    print(f"hits compared with a fresh computation: {hits}; wrong: {build.wrong}")
    print("'all' counts the first build, too; bytes are those of outputs")
    assert build.wrong == 0


if __name__ == "__main__":
    main()
