"""``maestro``: parse, load one verb's module, map every error to one exit code.

Invariant: ``--help`` and ``--version`` import no plugin, and no verb's module but the one asked for.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks import __version__
from maestro_hooks.errors import ExitCode, MaestroError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMANDS = {
    "init": "prepare a repository: a policy, configuration and signing keys",
    "run": "the main job: check, test, build, seal, verify, and a Decision Card",
    "check": "run the gates over files",
    "hook": "run one gate over the files a pre-commit hook names",
    "build": "build sdist and wheel from a clean copy and record them",
    "seal": "turn this tree's ledger into a signed bundle",
    "verify": "check a bundle, offline",
    "prove": "disclose one obligation with its inclusion proof",
    "card": "render a Decision Card for a terminal, a pull request or a browser, or make its decision again",
    "policy": "check, test, mutate, explain or export what a release requires",
    "plugins": "list installed plugins and their state",
    "config": "show the configuration and where each value comes from",
    "ledger": "show, export or clean the records of this work tree",
    "keys": "make, show or rotate signing keys and the trust file",
}

EPILOG = """\
plugins add verbs of their own; 'maestro plugins' lists them.
exit codes: 0 ok, 1 findings or unmet obligations, 2 usage or configuration,
            3 a plugin or tool failed, 4 evidence invalid, 130 interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the process exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return int(_dispatch(given))
    except MaestroError as error:
        return _explain(error, given)
    except KeyboardInterrupt:
        sys.stderr.write("maestro: interrupted\n")
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) went away; what it wanted it has.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001 - Python would end with 1, which says "findings"
        return _report(error, given)


def _dispatch(given: list[str]) -> ExitCode:
    parser, verbs = _parsers()
    name = next((word for word in given if not word.startswith("-")), "")
    if name in COMMANDS:
        module = importlib.import_module(f"maestro_hooks.commands.{name}")
        module.add_arguments(verbs[name])
        parsed = _parsed(parser, given)
        run: Callable[[argparse.Namespace], ExitCode] = module.run
        return run(parsed)
    if name:
        return _plugin_verb(parser, name, given)
    parser.parse_args(given)
    parser.print_help()
    return ExitCode.USAGE


def _parsed(parser: argparse.ArgumentParser, given: list[str]) -> argparse.Namespace:
    """Parse, letting options stand between a verb's positionals: pre-commit appends files after ``args``."""
    parsed, rest = parser.parse_known_args(given)
    if rest and (any(word.startswith("-") for word in rest) or not isinstance(getattr(parsed, "files", None), list)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        parsed.files += rest
    return parsed


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(
        prog="maestro",
        description="Accept changes nobody watched: every check, skipped test and cached build leaves its proof.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"maestro {__version__}")
    group = parser.add_subparsers(metavar="VERB", dest="verb")
    verbs = {}
    for name, words in COMMANDS.items():
        verbs[name] = group.add_parser(name, help=words, description=words[:1].upper() + words[1:] + ".")
        add_common(verbs[name])
    return parser, verbs


def add_common(parser: argparse.ArgumentParser) -> None:
    """The options every verb takes."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of words")
    parser.add_argument("-C", "--root", type=Path, default=Path(), metavar="DIR", help="work in DIR's repository")


def _plugin_verb(parser: argparse.ArgumentParser, name: str, given: list[str]) -> ExitCode:
    """A verb the host does not know: ask the plugins, and name the broken ones if none has it."""
    from maestro_hooks.commands.plugins import plugin_commands  # noqa: PLC0415 - loads plugins

    commands, broken = plugin_commands(Path(), name)
    if name not in commands:
        reasons = "".join(f"\n  plugin {b.name} could not be loaded: {b.reason}" for b in broken)
        known = ", ".join([*COMMANDS, *commands])
        parser.error(f"no verb {name!r}; verbs: {known}{reasons}")
    command = commands[name]
    verb = argparse.ArgumentParser(prog=f"maestro {name}", description=command.help)
    add_common(verb)
    if command.add_arguments is not None:
        command.add_arguments(verb)
    rest = given[given.index(name) + 1 :]
    module, _, function = command.run.partition(":")
    run: Callable[[argparse.Namespace], ExitCode] = getattr(importlib.import_module(module), function)
    return run(verb.parse_args(rest))


def _explain(error: MaestroError, given: list[str]) -> int:
    if "--json" in given:
        from maestro_hooks.render import emit  # noqa: PLC0415 - only on an error

        body = {"class": type(error).__name__, "what": error.what, "where": error.where, "fix": error.fix}
        emit({"schema": "maestro.error/1", "ok": False, "error": body}, (), as_json=True)
    sys.stderr.write(f"maestro: {error}\n")
    return int(error.exit_code)


def _report(error: Exception, given: list[str]) -> int:
    """A fault of Maestro's own: everything an issue needs on standard error, nothing of the project's data."""
    import platform  # noqa: PLC0415 - only on an error
    import traceback  # noqa: PLC0415

    words = f"{type(error).__name__}: {error}"
    if "--json" in given:
        from maestro_hooks.render import emit  # noqa: PLC0415

        body = {"class": type(error).__name__, "what": str(error), "where": "maestro", "fix": "report it"}
        emit({"schema": "maestro.error/1", "ok": False, "error": body}, (), as_json=True)
    sys.stderr.write("".join(traceback.format_exception(error)))
    sys.stderr.write(f"maestro {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
    sys.stderr.write(f"maestro: internal error: {words}\n  to do: report it with the lines above\n")
    return int(ExitCode.TOOL_FAILED)


if __name__ == "__main__":
    raise SystemExit(main())
