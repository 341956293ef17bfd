"""What a plugin declares when it is loaded: commands, one settings table, key namespaces, rules.

Registration returns values into a ``Registry``; it never mutates globals and performs no input or output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import field

from maestro_hooks.values import State, Value

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every ``[tool.maestro.<plugin>]`` table: an unknown key is an error, never ignored."""

    def hides(self) -> tuple[str, ...]:
        """Keys of numbers that are never told (``*`` for any characters): the host marks their records private."""
        return ()


class Rule(Value, frozen=True):
    """One entry of a plugin's rule catalogue; ``id`` is what ``# maestro: ignore[id] reason`` names."""

    id: str
    title: str
    help: str = ""
    cwe: int | None = None


class Command(Value, frozen=True, kw_only=True):
    """A command-line verb; ``run`` is ``package.module:function``, loaded on use: arguments in, exit code out."""

    name: str
    help: str
    run: str
    add_arguments: Callable[[ArgumentParser], None] | None = None


class Registry(State):
    """Collects one plugin's declarations; the host makes a fresh one per plugin."""

    plugin: str
    commands: list[Command] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    namespaces: set[str] = field(default_factory=set)
    settings_type: type[Settings] | None = None
    extra: tuple[str, str] | None = None
    distributions: set[str] = field(default_factory=set)
    beyond_request: bool = False

    def command(self, command: Command) -> None:
        """Add the verb ``maestro NAME``."""
        self.commands.append(command)

    def rule(self, rule: Rule) -> None:
        """Add a rule to the catalogue."""
        self.rules.append(rule)

    def settings(self, settings_type: type[Settings]) -> None:
        """Declare the type of ``[tool.maestro.<plugin>]``."""
        self.settings_type = settings_type

    def keys(self, *namespaces: str) -> None:
        """Claim first key segments besides the plugin's own name (``bandit`` in ``bandit/issues``)."""
        self.namespaces.update(namespaces)

    def depends_on(self, *distributions: str) -> None:
        """Name installed distributions whose version changes the plugin's results; part of its inputs digest."""
        self.distributions.update(distributions)

    def reads_beyond_request(self) -> None:
        """Say that results about some files also depend on others: claims about a part of the tree are not reused."""
        self.beyond_request = True

    def requires_extra(self, module: str, extra: str) -> None:
        """Say that ``module`` comes with ``pip install maestro-conductor[extra]``."""
        self.extra = (module, extra)
