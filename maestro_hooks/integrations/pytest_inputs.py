"""What a test run was made from: the tree, the interpreter, the installed distributions, and what was asked for.

Invariant: two runs that could select or judge tests differently have different inputs. An option nobody here knows
counts as one that could; only options that change what is shown are left out.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.evidence.inputs import Inputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from maestro_hooks.integrations.pytest_selection import Selection

# What is shown, kept or distributed; how many failures end a run is said by ``pytest/completed``.
PRESENTATION = frozenset(
    """
    basetemp boxed cacheclear cacheshow capture code_highlight color debug disable_warnings dist distload
    doctestreport durations durations_min file_or_dir fold_skipped force_short_summary fulltrace help junitprefix
    loadgroup loadscopereorder looponfail maestro maestro_full maestro_json maestro_record maestro_run maestro_select
    maxfail maxprocesses maxschedchunk maxworkerrestart no_fold_skipped no_header no_summary numprocesses pastebin px
    quiet report_log reportchars rsyncdir rsyncignore showcapture showlocals tbstyle testrunuid trace traceconfig tx
    usepdb usepdb_cls verbose version xfail_tb xmlpath
    """.split()  # noqa: SIM905 - forty names in columns read better than one to a line
)
# Values worth reading; any other value may hold a secret and is carried as a digest.
CLEAR = frozenset(
    """
    assertmode collect_in_virtualenv confcutdir continue_on_collection_errors deselect disable_plugin_autoload
    doctestglob doctestmodules failedfirst ignore ignore_glob importmode inifilename keepduplicates keyword lastfailed
    last_failed_no_failures lf markexpr newfirst noconftest override_ini plugins pyargs pythonwarnings
    reruns rootdir runxfail setuponly setupplan stepwise stepwise_skip strict_config strict_markers
    """.split()  # noqa: SIM905 - forty names in columns read better than one to a line
)


def inputs_of(config: pytest.Config, *, root: Path, tree: str, selection: Selection | None) -> Inputs:
    """The inputs document; ``selection`` is ``None`` if no process that collected lived to report it."""
    return Inputs(
        plugin="pytest",
        version=pytest.__version__,
        tree=tree,
        tools={
            "distributions": distributions_digest(sys.path),
            "platform": f"{sys.platform}-{platform.machine()}",
            "pytest": pytest.__version__,
            "python": f"{sys.implementation.name}-{platform.python_version()}",
        },
        arguments=(
            *arguments(config.args, base=config.invocation_params.dir, root=root),
            *options(vars(config.option), root=root),
            *(f"plugin {name}" for name in plugin_names(config)),
            *left_out(selection),
        ),
    )


def arguments(given: Iterable[str], *, base: Path, root: Path) -> tuple[str, ...]:
    """Paths and node ids relative to ``root``, so that ``pytest``, ``pytest .`` and another place mean the same."""
    return tuple(f"path {_relative(argument, base=base, root=root)}" for argument in given)


def _relative(argument: str, *, base: Path, root: Path) -> str:
    path, separator, inside = argument.partition("::")
    place = base / path
    if not place.exists():
        return argument  # a package name for --pyargs
    return Path(os.path.relpath(place.resolve(), root.resolve())).as_posix() + separator + inside


def options(values: dict[str, object], *, root: Path) -> tuple[str, ...]:
    """``name=value`` of every option that is set and could change what runs or how it is judged, sorted."""
    said = []
    for name in sorted(values.keys() - PRESENTATION):
        value = values[name]
        if value:
            text = repr(value).replace(str(root), ".")
            shown = text if name in CLEAR else f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
            said.append(f"option {name}={shown}")
    return tuple(said)


def plugin_names(config: pytest.Config) -> tuple[str, ...]:
    """The pytest plugins that came with installed distributions; their versions are in the digest of all."""
    manager = config.pluginmanager
    return tuple(sorted({str(manager.get_name(plugin)) for plugin, _ in manager.list_plugin_distinfo()}))


def left_out(selection: Selection | None) -> tuple[str, ...]:
    """Who left tests out of this run: how many, and which, as a digest; nothing if nobody did."""
    if selection is None:
        return ("deselected unknown",)
    justified = [skip.nodeid for skip in selection.deselected]
    return (*_counted("deselected", selection.others), *_counted("skipped by maestro", justified))


def _counted(words: str, nodeids: Sequence[str]) -> tuple[str, ...]:
    if not nodeids:
        return ()
    digest = hashlib.sha256("\n".join(sorted(nodeids)).encode("utf-8", "surrogatepass")).hexdigest()
    return (f"{words} {len(nodeids)} sha256:{digest}",)


def distributions_digest(search_path: Iterable[str]) -> str:
    """SHA-256 over the sorted names of all ``*.dist-info`` folders: every installed distribution at full version."""
    names: set[str] = set()
    for place in search_path:
        try:
            entries = os.listdir(place or ".")  # noqa: PTH208 - thousands of names, no paths needed
        except OSError:
            continue  # archives and absent folders on the path hold no such folder
        names.update(name for name in entries if name.endswith(".dist-info"))
    return hashlib.sha256("\n".join(sorted(names)).encode("utf-8", "surrogateescape")).hexdigest()
