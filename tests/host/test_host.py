from __future__ import annotations

import inspect
import sys
import types
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from maestro_hooks import Obligation, hookimpl, hookspecs, requests
from maestro_hooks.config import Layers
from maestro_hooks.discovery import Found
from maestro_hooks.errors import ConfigError, UnavailableError
from maestro_hooks.hookspecs import KINDS
from maestro_hooks.host import Host
from maestro_hooks.requests import CacheEntry, CheckRequest, FetchRequest, SourceFile, StoreRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Found]:
    """Make an importable plugin module out of functions."""

    def make(name: str, *, api: object = 1, decorate: bool = True, **hooks: Callable[..., Any]) -> Found:
        module = types.ModuleType(f"maestro_test_{name}", "A plugin for a test.")
        vars(module)["MAESTRO_API"] = api
        for hook, function in hooks.items():
            setattr(module, hook, hookimpl(function) if decorate else function)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return Found(name, module.__name__, name, "1.0")

    return make


def load(*found: Found, **settings: object) -> Host:
    return Host.load(Layers(settings, {}), found)


def request_in(root: Path) -> CheckRequest:
    return CheckRequest(root=root, files=(SourceFile("a.py", root / "a.py", "0" * 64),))


def yields(key: str) -> Callable[[CheckRequest], Iterator[Obligation]]:
    def maestro_check(request: CheckRequest) -> Iterator[Obligation]:
        yield Obligation(key=key, value=len(request.files), max=1)

    return maestro_check


def test_results_are_sorted_by_plugin_not_by_installation(plug: Callable[..., Found], tmp_path: Path) -> None:
    b, a = plug("b", maestro_check=yields("b/x")), plug("a", maestro_check=yields("a/x"))
    for order in ((a, b), (b, a)):
        results = load(*order).call("maestro_check", request_in(tmp_path))
        assert [name for name, _ in results.values] == ["a", "b"]


@pytest.mark.parametrize("crash", [ValueError("boom"), SystemExit(0), KeyError("x"), RecursionError()])
def test_a_crash_is_a_failure_and_silences_nobody(
    plug: Callable[..., Found], tmp_path: Path, crash: BaseException
) -> None:
    def maestro_check(request: CheckRequest) -> Iterator[Obligation]:
        yield Obligation(key="bad/x", value=0)
        raise crash

    host = load(plug("bad", maestro_check=maestro_check), plug("good", maestro_check=yields("good/x")))
    results = host.call("maestro_check", request_in(tmp_path))
    assert [name for name, _ in results.values] == ["good"]
    (failure,) = results.failures
    assert (failure.plugin, failure.error_class) == ("bad", type(crash).__name__)
    assert "Traceback" in failure.trace


def test_an_interrupt_is_not_swallowed(plug: Callable[..., Found], tmp_path: Path) -> None:
    def maestro_check(request: CheckRequest) -> Iterator[Obligation]:
        raise KeyboardInterrupt

    host = load(plug("slow", maestro_check=maestro_check))
    with pytest.raises(KeyboardInterrupt):
        host.call("maestro_check", request_in(tmp_path))


def test_each_plugin_gets_its_own_settings(plug: Callable[..., Found], tmp_path: Path) -> None:
    from maestro_hooks import Registry, Settings

    class Own(Settings, frozen=True, kw_only=True):
        limit: int = 3

    seen: dict[str, object] = {}

    def maestro_register(registry: Registry) -> None:
        registry.settings(Own)

    def maestro_check(request: CheckRequest) -> list[Obligation]:
        seen["a"] = request.settings
        return []

    host = Host.load(
        Layers({"a": {"limit": 7}}, {}), [plug("a", maestro_register=maestro_register, maestro_check=maestro_check)]
    )
    host.call("maestro_check", request_in(tmp_path))
    assert seen == {"a": Own(limit=7)}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"api": 2, "maestro_check": yields("p/x")}, "MAESTRO_API is 2"),
        ({"api": None, "maestro_check": yields("p/x")}, "MAESTRO_API is None"),
        ({"maestro_chekc": yields("p/x")}, "did you mean maestro_check"),
        ({"maestro_check": lambda wrong: []}, "wrong"),
        ({"decorate": False, "maestro_check": yields("p/x")}, "lacks @hookimpl"),
    ],
)
def test_a_plugin_that_breaks_the_contract_is_named_at_load(
    plug: Callable[..., Found], options: dict[str, Any], words: str
) -> None:
    host = load(plug("p", **options), plug("fine", maestro_check=yields("fine/x")))
    broken, fine = host.plugin("p"), host.plugin("fine")
    assert broken is not None
    assert fine is not None
    assert broken.state == "broken"
    assert words in broken.reason
    assert fine.state == "loaded"
    assert [f.plugin for f in host.broken("maestro_check")] == ["p"]


def test_a_wrapper_is_refused(plug: Callable[..., Found], monkeypatch: pytest.MonkeyPatch) -> None:
    found = plug("w")

    @hookimpl(wrapper=True)
    def maestro_check(request: CheckRequest) -> Any:
        return (yield)

    monkeypatch.setattr(sys.modules[found.module], "maestro_check", maestro_check, raising=False)
    plugin = load(found).plugin("w")
    assert plugin is not None
    assert "wrapper" in plugin.reason


def test_import_that_exits_is_a_broken_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "maestro_test_exits.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = load(Found("exits", "maestro_test_exits", "exits", "1")).plugin("exits")
    assert plugin is not None
    assert plugin.state == "broken"


def test_two_distributions_with_one_name_are_both_refused(plug: Callable[..., Found]) -> None:
    one = plug("same", maestro_check=yields("same/x"))
    two = Found("same", "maestro_test_other", "other", "1")
    assert {p.state for p in load(one, two).plugins} == {"broken"}


def test_disabled_and_required(plug: Callable[..., Found], tmp_path: Path) -> None:
    found = plug("a", maestro_check=yields("a/x"))
    assert load(found, disable=["a"]).call("maestro_check", request_in(tmp_path)).values == ()
    with pytest.raises(ConfigError, match="required plugins are not installed: gone"):
        load(found, require=["gone"])


def test_a_missing_extra_names_the_command(plug: Callable[..., Found]) -> None:
    from maestro_hooks import Registry

    def maestro_register(registry: Registry) -> None:
        registry.requires_extra("no_such_module_here", "symbolic")

    found = plug("a", maestro_register=maestro_register)
    plugin = load(found).plugin("a")
    assert plugin is not None
    assert (plugin.state, plugin.fix) == ("unavailable", "pip install 'maestro-conductor[symbolic]'")
    with pytest.raises(UnavailableError, match=r"maestro-conductor\[symbolic\]"):
        load(found, require=["a"])


def test_each_hook_takes_one_frozen_object() -> None:
    """So that a new field is additive: a plugin written for today's contract takes tomorrow's request."""
    for hook in KINDS:
        (parameter,) = inspect.signature(getattr(hookspecs, hook)).parameters.values()
        if hook == "maestro_register":  # a registry is there to be written to
            continue
        kind = getattr(requests, str(parameter.annotation))
        struct = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
        config = getattr(kind, "__struct_config__" if struct else "__dataclass_params__", None)
        assert config is not None, hook
        assert config.frozen, hook


class Shelf:
    """A cache plugin's two hooks over a dictionary."""

    def __init__(self) -> None:
        self.held: dict[str, CacheEntry] = {}

    def hooks(self) -> dict[str, Callable[..., Any]]:
        def maestro_fetch(request: FetchRequest) -> CacheEntry | None:
            return self.held.get(request.key)

        def maestro_store(request: StoreRequest) -> None:
            self.held[request.key] = request.entry

        return {"maestro_fetch": maestro_fetch, "maestro_store": maestro_store}


def counts_its_runs(key: str) -> Callable[[CheckRequest], Iterator[Obligation]]:
    """A gate that remembers in its cache how often it ran."""

    def maestro_check(request: CheckRequest) -> Iterator[Obligation]:
        before = request.cache.fetch("runs")
        runs = 1 + (len(before.blobs) if before is not None else 0)
        request.cache.store("runs", CacheEntry(metadata={}, blobs={str(i): b"" for i in range(runs)}))
        yield Obligation(key=key, value=runs)

    return maestro_check


def values_of(host: Host, root: Path) -> dict[str, object]:
    results = host.call("maestro_check", request_in(root))
    assert not results.failures, results.failures
    return {claim.key: claim.value for _, claim in results.values if isinstance(claim, Obligation)}


def test_each_plugin_is_lent_a_cache_of_its_own(plug: Callable[..., Found], tmp_path: Path) -> None:
    shelf = Shelf()
    host = load(
        plug("a", maestro_check=counts_its_runs("a/runs")),
        plug("b", maestro_check=counts_its_runs("b/runs")),
        plug("shelf", **shelf.hooks()),
    )
    assert values_of(host, tmp_path) == {"a/runs": 1, "b/runs": 1}
    assert values_of(host, tmp_path) == {"a/runs": 2, "b/runs": 2}
    assert sorted(shelf.held) == ["a/runs", "b/runs"]


def test_a_cache_that_fails_is_a_miss_and_is_told(
    plug: Callable[..., Found], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(request: object) -> None:
        raise OSError("tier down")

    host = load(
        plug("a", maestro_check=counts_its_runs("a/runs")),
        plug("down", maestro_fetch=crash, maestro_store=crash),
        plug("odd", maestro_fetch=lambda request: {"not": "an entry"}),
    )
    assert values_of(host, tmp_path) == {"a/runs": 1}
    assert caplog.text.count("tier down") == 2
    assert "answered dict instead of a CacheEntry" in caplog.text


def test_without_a_cache_plugin_every_look_up_is_a_miss(plug: Callable[..., Found], tmp_path: Path) -> None:
    host = load(plug("a", maestro_check=counts_its_runs("a/runs")))
    assert values_of(host, tmp_path) == values_of(host, tmp_path) == {"a/runs": 1}
    assert request_in(tmp_path).cache.fetch("runs") is None


def test_first_result_wins_and_failures_are_told(plug: Callable[..., Found]) -> None:
    def crash(request: object) -> None:
        raise OSError("tier down")

    host = load(
        plug("a", maestro_fetch=crash),
        plug("b", maestro_fetch=lambda request: None),
        plug("c", maestro_fetch=lambda request: "hit"),
    )
    answer, failures = host.first("maestro_fetch", "key")
    assert answer == "hit"
    assert [f.plugin for f in failures] == ["a"]
