"""The environment of a pytest run: the process's, plus every option and plugin that could change an outcome."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from maestro_bloom import environment
from maestro_hooks.integrations.pytest_inputs import PRESENTATION, plugin_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pytest

# Which tests run, in which order, and who watches: no outcome depends on these, or the index could never be shared
# between a nightly and a pull request. Everything else counts.
_CHOOSING = frozenset(
    """
    accept_flaky cache_clear collectonly cov_append cov_branch cov_config cov_context cov_fail_under cov_precision
    cov_report cov_reset cov_source co deselect doctestcontinue failedfirst flaky ignore ignore_glob inifilename
    invocation_params keepduplicates keyword last_failed_no_failures lf lastfailed maestro_full maestro_record
    maestro_select markexpr newfirst no_cov no_cov_on_fail pyargs random_order_bucket random_order_seed randomly_seed
    rootdir showfixtures show_fixtures_per_test stepwise stepwise_reset stepwise_skip nf ff sw
    """.split()  # noqa: SIM905 - forty names in columns read better than one to a line
)


def environment_of(config: pytest.Config, root: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """The named parts of the environment of this run."""
    return environment.parts(root, ini=config.inipath, options=_options(config, root), variables=variables)


def _options(config: pytest.Config, root: Path) -> Iterator[str]:
    values = vars(config.option)
    for name in sorted(values.keys() - PRESENTATION - _CHOOSING):
        value = values[name]
        if name == "plugins":
            value = [plugin for plugin in value or () if plugin != "no:terminal"]  # a worker's
        if value:
            yield f"{name}={repr(value).replace(str(root), '.')}"
    yield f"plugins={' '.join(plugin_names(config))}"
    # Node ids are written from there: two directories of one repository may have tests of the same names.
    yield f"rootdir={os.path.relpath(config.rootpath, root)}"


def run_is_whole(config: pytest.Config) -> bool:
    """Whether the command line asks for all tests of the project, by what it names."""
    asked = [config.invocation_params.dir / argument for argument in config.args]
    wanted = [config.rootpath / path for path in config.getini("testpaths")] or [config.rootpath]
    return {path.resolve() for path in asked} >= {path.resolve() for path in wanted} or any(
        path.resolve() == config.rootpath.resolve() for path in asked
    )
