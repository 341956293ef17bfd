"""The task runners timed beside the build cache: the same files, the same trivial task, each in its own words.

A tool is timed if it is on ``PATH``: doit and ntask from PyPI, turbo and moon (``@moonrepo/cli``) from npm.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DODO = """
import glob

def task_build():
    return {"actions": ["mkdir -p out && echo x > out/d"], "targets": ["out/d"],
            "file_dep": sorted(glob.glob("src/**/*.py", recursive=True))}
"""
NTASK = """
from ntask import cached, shell, task

@task
@cached(inputs=["src/**/*.py"], outputs=["out/n"])
def build():
    shell("mkdir -p out && echo x > out/n")
"""
FILES = {
    "dodo.py": DODO,
    "tasks.py": NTASK,
    "package.json": '{"name": "bench", "private": true, "packageManager": "npm@10.0.0",'
    ' "scripts": {"build": "mkdir -p out && echo x > out/t"}}',
    "package-lock.json": '{"lockfileVersion": 3, "packages": {}}',
    "turbo.json": '{"tasks": {"build": {"inputs": ["src/**"], "outputs": ["out/t"]}}}',
    ".moon/workspace.yml": 'projects:\n  bench: "."\nvcs:\n  client: git\n',
    "moon.yml": "tasks:\n  build:\n    command: \"sh -c 'mkdir -p out && echo x > out/m'\"\n"
    '    inputs: ["src/**/*"]\n    outputs: ["out/m"]\n',
    ".gitignore": ".nox\n.maestro\n.turbo\n.moon/cache\n.ntask\n.doit.db*\nout\n",
}
COMMANDS = {
    "doit, up to date": ["doit", "-f", "dodo.py", "build"],
    "ntask, cached": ["ntask", "build"],
    "turbo, cached (no daemon)": ["turbo", "run", "build", "--no-daemon"],
    "moon, cached": ["moon", "run", "bench:build"],
}
QUIET = {"TURBO_TELEMETRY_DISABLED": "1", "MOON_TELEMETRY": "false", "DO_NOT_TRACK": "1"}


def prepare(root: Path) -> dict[str, list[str]]:
    """Write every tool's configuration and commit all (turbo and moon ask git); the commands of the tools found."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    who = ["-c", "user.name=benchmark", "-c", "user.email=b@example.invalid", "-c", "gc.auto=0"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    return {name: command for name, command in COMMANDS.items() if shutil.which(command[0])}
