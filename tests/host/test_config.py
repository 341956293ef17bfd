from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import pytest
from msgspec import Meta

from maestro_hooks.config import host_settings, plugin_settings, read_layers
from maestro_hooks.errors import ConfigError
from maestro_hooks.registry import Settings

if TYPE_CHECKING:
    from pathlib import Path


class Bloom(Settings, frozen=True, kw_only=True):
    fp_rate: Annotated[float, Meta(gt=0, lt=1)] = 0.001
    roots: tuple[str, ...] = ()


def layers(root: Path, toml: str = "", env: dict[str, str] | None = None, **overrides: object):  # type: ignore[no-untyped-def]  # noqa: ANN201
    (root / "pyproject.toml").write_text(toml, encoding="utf-8")
    return read_layers(root, env=env or {}, overrides=overrides, plugins=["bloom"])


def test_order_of_layers_and_their_origins(tmp_path: Path) -> None:
    toml = '[tool.maestro]\ndist = "file"\npolicy = "p.yaml"\nexclude = ["a"]\n'
    read = layers(tmp_path, toml, {"MAESTRO_POLICY": "env.yaml", "MAESTRO_DISABLE": "x, y"}, dist="cli")
    settings = host_settings(read, ["bloom"])
    assert (settings.dist, settings.policy, settings.exclude, settings.disable) == (
        "cli",
        "env.yaml",
        ("a",),
        ("x", "y"),
    )
    assert read.origins["dist"] == "command line"
    assert read.origins["policy"] == "environment MAESTRO_POLICY"
    assert read.origins["exclude"] == "pyproject.toml: tool.maestro"


def test_plugin_table_from_file_and_environment(tmp_path: Path) -> None:
    read = layers(tmp_path, "[tool.maestro.bloom]\nfp_rate = 0.5\n", {"MAESTRO_BLOOM__ROOTS": "src,lib"})
    assert plugin_settings(read, "bloom", Bloom) == Bloom(fp_rate=0.5, roots=("src", "lib"))


def test_all_unknown_keys_are_told_with_suggestions(tmp_path: Path) -> None:
    read = layers(tmp_path, '[tool.maestro]\npolcy = "x"\nditst = "y"\n')
    with pytest.raises(ConfigError) as caught:
        host_settings(read, ["bloom"])
    assert "polcy: unknown key; did you mean 'policy'?" in str(caught.value)
    assert "ditst: unknown key; did you mean 'dist'?" in str(caught.value)


def test_a_wrong_value_is_located_and_shown(tmp_path: Path) -> None:
    read = layers(tmp_path, "[tool.maestro.bloom]\nfp_rate = 2.0\n")
    with pytest.raises(ConfigError) as caught:
        plugin_settings(read, "bloom", Bloom)
    assert "pyproject.toml: tool.maestro.bloom.fp_rate: expected `float` < 1.0, got 2.0" in str(caught.value)


def test_unknown_key_of_a_plugin_and_of_a_nested_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="bloom.fp_rat: unknown key; did you mean 'fp_rate'"):
        plugin_settings(layers(tmp_path, "[tool.maestro.bloom]\nfp_rat = 0.5\n"), "bloom", Bloom)
    with pytest.raises(ConfigError, match="run.buld: unknown key; did you mean 'build'"):
        host_settings(layers(tmp_path, "[tool.maestro.run]\nbuld = false\n"), [])


def test_broken_toml_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pyproject\.toml: not valid TOML"):
        layers(tmp_path, "[tool.maestro\n")


def test_maestro_toml_wins_over_pyproject(tmp_path: Path) -> None:
    (tmp_path / "maestro.toml").write_text('dist = "own"\n', encoding="utf-8")
    assert host_settings(layers(tmp_path, '[tool.maestro]\ndist = "py"\n'), []).dist == "own"


@pytest.mark.parametrize("value", ["1", "[]", '"text"'])
def test_a_table_that_is_none(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="expected a table"):
        layers(tmp_path, f"[tool]\nmaestro = {value}\n")


def test_unknown_variables_are_reported_not_obeyed(tmp_path: Path) -> None:
    assert layers(tmp_path, "", {"MAESTRO_FOO": "1", "MAESTRO_RUN": "r"}).ignored == ("MAESTRO_FOO",)
