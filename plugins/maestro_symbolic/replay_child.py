"""Runs inputs through the real function in a fresh interpreter and says what CPython did.

Invariant: contracts are evaluated here, one by one, and never by their libraries, so every style behaves alike; the
target cannot write files, open sockets or start processes. Standard library only; jobs on stdin, answers on stdout.
"""

from __future__ import annotations

import builtins
import copy
import importlib
import importlib.util
import inspect
import json
import os
import resource
import signal
import sys
import time
import types
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.remove")
WAITING = ("time.sleep",)
FORBIDDEN_CHANGES = ("os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.", "ctypes.")
CPU_S = 5
SAMPLE_CPU_S = 0.5
MEMORY_BYTES = 2 << 30


def sibling(name: str) -> types.ModuleType:
    """A file beside this one: the folder itself is not on the path, where it would hide modules of the target."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


codec = sibling("replay_codec")


class CalleeError(BaseException):
    """A call broke the callee's precondition."""


class SpentError(BaseException):
    """The target took too long."""


class Refused(BaseException):
    """The target tried something a replay does not allow."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of running foreign code: a value, or whatever it raised."""

    value: Any = None
    error: BaseException | None = None


def attempt(code: Callable[..., Any], *arguments: Any, **named: Any) -> Attempt:
    """Run code of the target. Nothing bounds what it may raise, and all of it is an answer: the one broad handler."""
    try:
        return Attempt(code(*arguments, **named))
    except BaseException as error:  # noqa: BLE001 - the docstring says why
        return Attempt(error=error)


def guard(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: what leaves the process is refused."""
    if event.startswith(FORBIDDEN) or event.startswith(FORBIDDEN_CHANGES) or event in WAITING:
        raise Refused(event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise Refused(f"open for writing: {arguments[0]}")


def stub(name: str) -> types.ModuleType:
    """A contract library whose decorators leave functions alone."""

    class Stub(types.ModuleType):
        def __getattr__(self, attribute: str) -> Any:
            if attribute.startswith("__"):
                raise AttributeError(attribute)
            if attribute == "DBC":
                return type("DBC", (), {})
            if attribute == "DBCMeta":
                return type
            if attribute == "implies":
                return lambda test, then: (not test) or then
            if attribute.endswith(("Error", "Exception")):
                return type(attribute, (AssertionError,), {})
            if attribute in ("pure", "safe", "inherit"):
                return lambda target=None, **_k: (lambda t: t) if target is None else target
            return lambda *_a, **_k: lambda target: target

    return Stub(name)


def load(path: Path, root: Path) -> types.ModuleType:
    """Import the file under its own package name, or alone if it belongs to none."""
    top = path.parent
    parts = [path.stem]
    while (top / "__init__.py").is_file():
        parts.insert(0, top.name)
        top = top.parent
    for entry in (str(root), str(top)):
        if entry not in sys.path:
            sys.path.insert(0, entry)
    if len(parts) > 1:
        name = ".".join(parts[:-1] if path.stem == "__init__" else parts)
        module = importlib.import_module(name)
        if Path(str(module.__file__)).resolve() == path.resolve():
            return module
    name = f"maestro_replayed_{len(sys.modules)}"  # two files of one name are two modules
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no loader for {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def shown(value: Any) -> str:
    """A short ``repr``."""
    tried = attempt(repr, value)
    text = f"<{type(value).__name__}: {type(tried.error).__name__} in repr>" if tried.error else tried.value
    return text if len(text) <= 300 else f"{text[:297]}..."


def holds(clause: dict[str, Any], names: dict[str, Any], module: types.ModuleType) -> bool:
    """The truth of one clause, its free names bound by their roles."""
    value = clause_value(clause, names, module)
    return not isinstance(value, str) and bool(value) if clause["words_fail"] else bool(value)


def linked_value(dotted: str) -> Any:
    """What a full name of another module of the project stands for."""
    place, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(place), name)


def clause_value(clause: dict[str, Any], names: dict[str, Any], module: types.ModuleType) -> Any:
    """The value of one clause. Names are globals of the evaluation, so that inner scopes see them too."""
    bound = {}
    for name, role in clause["roles"].items():
        bound[name] = names[role.removeprefix("arg:") if role.startswith("arg:") else f"*{role}"]
    linked = {name: linked_value(dotted) for name, dotted in clause["linked"].items()}
    scope = {"implies": lambda test, then: (not test) or then, **vars(module), **linked, **bound}
    return eval(compile(clause["code"], "<contract>", "eval"), scope)  # noqa: S307 - the module's own contract  # nosec B307


def instances(value: Any, known: dict[str, Any], seen: set[int]) -> list[Any]:
    """Objects of classes with invariants that a value leads to."""
    if id(value) in seen or isinstance(value, str | int | float | type(None)):
        return []
    seen.add(id(value))
    if isinstance(value, list | tuple):
        return [i for v in value for i in instances(v, known, seen)]
    if isinstance(value, dict):
        return [i for pair in value.items() for v in pair for i in instances(v, known, seen)]
    own = [value] if type(value).__name__ in known else []
    fields = [*getattr(value, "__dict__", {}).values()]
    fields += [getattr(value, n) for n in getattr(type(value), "__slots__", ()) if hasattr(value, n)]
    return own + [i for v in fields for i in instances(v, known, seen)]


def broken_invariant(values: list[Any], job: dict[str, Any], module: types.ModuleType) -> dict[str, Any] | None:
    """The first invariant that an object reachable from ``values`` breaks."""
    for item in instances(values, job["invariants"], set()):
        clauses: list[dict[str, Any]] = job["invariants"][type(item).__name__]
        for clause in clauses:
            if not attempt(holds, clause, {"*self": item}, module).value:
                return clause
    return None


def checked(function: Any, clauses: list[dict[str, Any]], module: types.ModuleType, active: list[bool]) -> Any:
    """A callee that raises where its precondition does not hold."""
    signature = inspect.signature(function)

    def wrapper(*arguments: Any, **named: Any) -> Any:
        if active[0]:
            bound = signature.bind(*arguments, **named)
            bound.apply_defaults()
            active[0] = False
            try:
                failed = next((c for c in clauses if not holds(c, dict(bound.arguments), module)), None)
            finally:
                active[0] = True
            if failed is not None:
                raise CalleeError(failed["text"])
        return function(*arguments, **named)

    return wrapper


def resolve(qualname: str, module: types.ModuleType) -> tuple[Any, str]:
    """The owner and the name of a function by its qualified name."""
    *owners, name = qualname.split(".")
    owner: Any = module
    for part in owners:
        owner = getattr(owner, part)
    return owner, name


def run(job: dict[str, Any], module: types.ModuleType) -> dict[str, Any]:
    """One input through the real function."""
    owner, name = resolve(job["function"], module)
    raw = inspect.getattr_static(owner, name)
    arguments = {k: codec.decode(v, module) for k, v in job["arguments"].items()}
    names: dict[str, Any] = {**arguments, "*args": types.SimpleNamespace(**arguments)}
    for clause in job["pre"]:
        kept = attempt(holds, clause, names, module)
        if kept.error is not None:
            return {"status": "rejected", "detail": f"{type(kept.error).__name__}: {kept.error}"}
        if not kept.value:
            return {"status": "rejected"}
    if name != "__init__" and broken_invariant(list(arguments.values()), job, module) is not None:
        return {"status": "rejected"}
    old = copy.deepcopy(arguments)
    names["*old"] = types.SimpleNamespace(**old)
    names["*captured"] = types.SimpleNamespace(**{c["name"]: clause_value(c, names, module) for c in job["snapshot"]})
    function: Any = raw.__func__ if isinstance(raw, staticmethod | classmethod) else raw
    function = function.fget if isinstance(function, property) else inspect.unwrap(function)
    active = [True]
    saved = wrap_callees(job, module, active)
    positional = [*(arguments[n] for n in job["positional"]), *arguments.get(job["rest"], ())]
    named = {n: arguments[n] for n in job["keyword"]}
    tried = attempt(function, *positional, **named)
    active[0] = False
    for place, key, value in saved:
        setattr(place, key, value)
    if tried.error is None:
        return after_result(tried.value, job, module, names, arguments)
    return after_error(tried.error, job, module)


def after_error(error: BaseException, job: dict[str, Any], module: types.ModuleType) -> dict[str, Any]:
    """The answer where the function did not return."""
    if isinstance(error, CalleeError):
        clause = f"precondition of a call: {error}"
        return {"status": "broken", "kind": "callee", "clause": clause, "outcome": "stopped"}
    if isinstance(error, Refused):
        return {"status": "error", "detail": f"the replay does not allow {error}"}
    if not isinstance(error, Exception):
        return {"status": "error", "detail": f"{type(error).__name__}: {error}"}
    return after_exception(error, job, module)


def wrap_callees(job: dict[str, Any], module: types.ModuleType, active: list[bool]) -> list[tuple[Any, str, Any]]:
    """Put checks around functions of the module that have preconditions; what was there is returned."""
    saved = []
    for callee in job["callees"]:
        home = importlib.import_module(callee["place"]) if callee["place"] else module
        place, key = resolve(callee["name"], home)
        original = inspect.getattr_static(place, key)
        if inspect.isfunction(original):
            saved.append((place, key, original))
            setattr(place, key, checked(original, callee["clauses"], home, active))
    return saved


def exception_named(name: str, module: types.ModuleType) -> Any:
    """The class that a contract's ``raises`` names: of the module, builtin, or by its dotted name."""
    place, _, last = name.rpartition(".")
    found = getattr(module, last, getattr(builtins, last, None))
    return found if found is not None or not place else getattr(sys.modules.get(place), last, None)


def after_exception(error: Exception, job: dict[str, Any], module: types.ModuleType) -> dict[str, Any]:
    """Whether an exception was allowed to leave."""
    outcome = f"raised {type(error).__name__}: {shown(str(error))}"
    raised = [exception_named(name, module) for name in job["raises"]]
    line = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == module.__file__:
            line = trace.tb_lineno
        trace = trace.tb_next
    fact = {"raised": type(error).__name__, "line": line, "outcome": outcome}
    if isinstance(error, tuple(r for r in raised if isinstance(r, type))):
        return {"status": "holds", **fact}
    kind = "assert" if isinstance(error, AssertionError) else "raise"
    clause = "assert" if kind == "assert" else f"raises {type(error).__name__}"
    return {"status": "broken", "kind": kind, "clause": clause, **fact}


def after_result(
    result: Any, job: dict[str, Any], module: types.ModuleType, names: dict[str, Any], arguments: dict[str, Any]
) -> dict[str, Any]:
    """Whether every promise about the result holds."""
    names["*result"] = result
    names["*args"] = types.SimpleNamespace(**arguments, **({} if "result" in arguments else {"result": result}))
    fact = {"outcome": f"returned {shown(result)}", "result": codec.encode(result)}
    fact["after"] = {k: codec.encode(v) for k, v in arguments.items()}
    for clause in job["post"]:
        kept = attempt(holds, clause, names, module)
        if isinstance(kept.error, NameError):
            return {"status": "error", "detail": f"the contract does not evaluate: {kept.error}"}
        if not kept.value:
            detail = f"; the clause raised {type(kept.error).__name__}" if kept.error else ""
            said = {**fact, "outcome": fact["outcome"] + detail}
            return {"status": "broken", "kind": "post", "clause": clause["text"], "line": clause["line"], **said}
    clause = broken_invariant([result, *arguments.values()], job, module)
    if clause is not None:
        return {"status": "broken", "kind": "inv", "clause": clause["text"], "line": clause["line"], **fact}
    return {"status": "holds", **fact}


def out_of_time(_signal: int, _frame: object) -> None:
    """What the timer of a job calls."""
    raise SpentError("ran out of CPU time")


def timed(job: dict[str, Any], module: types.ModuleType) -> dict[str, Any]:
    """One job within its CPU seconds; a sample is worth fewer."""
    limit = SAMPLE_CPU_S if job["sample"] else CPU_S
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    # The timer waits for a single long operation to end; the limit of the process does not.
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + limit) + 2, resource.RLIM_INFINITY))
    try:
        return run(job, module)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def main() -> None:
    """Jobs in, one answer per line."""
    request = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the target prints is not an answer
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    sys.dont_write_bytecode = True
    for name in ("icontract", "deal"):
        sys.modules[name] = stub(name)
    if importlib.util.find_spec("annotated_types") is None:
        sys.modules["annotated_types"] = stub("annotated_types")
    sys.addaudithook(guard)
    signal.signal(signal.SIGVTALRM, out_of_time)
    loaded: dict[str, types.ModuleType] = {}
    slow: set[tuple[str, str]] = set()
    for job in request["jobs"]:
        print(
            json.dumps({"id": job["id"], **answer(job, Path(request["root"]), loaded, slow)}), file=answers, flush=True
        )


def answer(
    job: dict[str, Any], root: Path, loaded: dict[str, types.ModuleType], slow: set[tuple[str, str]]
) -> dict[str, Any]:
    """The answer to one job; whatever goes wrong is one."""
    if job["file"] not in loaded:
        made = attempt(load, Path(job["file"]), root)
        if made.error is not None:
            words = f"the module cannot be imported: {type(made.error).__name__}: {made.error}"
            return {"status": "error", "detail": words}
        loaded[job["file"]] = made.value
    name = (job["file"], job["function"])
    if job["sample"] and name in slow:
        return {"status": "error", "detail": "another sample ran out of CPU time"}
    tried = attempt(timed, job, loaded[job["file"]])
    if isinstance(tried.error, SpentError):
        slow.add(name)
    if tried.error is not None:
        return {"status": "error", "detail": f"{type(tried.error).__name__}: {tried.error}"}
    found: dict[str, Any] = tried.value
    return found


if __name__ == "__main__":
    main()
