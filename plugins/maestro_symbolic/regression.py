"""A pytest regression test for a counterexample: fails while the contract is broken, passes once it is kept."""

from __future__ import annotations

import ast
import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_symbolic.contracts.clauses import Clause
    from maestro_symbolic.targets import Target
    from maestro_symbolic.verdicts import Counterexample


START = dt.datetime(1, 1, 1)  # noqa: DTZ001 - naive, as the values are
MADE: dict[str, Callable[[str], str]] = {
    "lock": lambda _text: "threading.RLock()",
    "logger": lambda _text: "logging.getLogger('replayed')",
    "decimal": lambda text: f"decimal.Decimal({text!r})",
    "fraction": lambda text: f"fractions.Fraction({text!r})",
    "date": lambda text: repr(dt.date.fromordinal(int(text))),
    "datetime": lambda text: repr(START + dt.timedelta(microseconds=int(text))),
    "timedelta": lambda text: repr(dt.timedelta(microseconds=int(text))),
}
MODULES = ("copyreg", "datetime", "decimal", "fractions", "logging", "threading")


def python_of(value: Any) -> str:
    """A typed JSON value as a Python expression; instances through ``made``, which runs no ``__init__``."""
    kind, content = next(iter(value.items()))
    if kind in ("int", "float"):
        return _number_text(kind, content)
    if kind == "str":
        return ascii(bytes.fromhex(content).decode("utf-16-le", "surrogatepass"))
    if kind in ("bool", "none"):
        return "None" if kind == "none" else content.capitalize()
    if kind == "list":
        return f"[{', '.join(map(python_of, content))}]"
    if kind == "tuple":
        return f"({', '.join(map(python_of, content))}{',' if len(content) == 1 else ''})"
    if kind == "dict":
        return f"{{{', '.join(f'{python_of(k)}: {python_of(v)}' for k, v in content)}}}"
    if kind in ("member", "class"):
        return str(content).rpartition(":")[2]
    if kind in MADE:
        return MADE[kind](content)
    if kind == "set":
        return f"{{{', '.join(map(python_of, content))}}}" if content else "set()"
    fields = ", ".join(f"{name}={python_of(v)}" for name, v in value["fields"].items())
    return f"{content.rpartition(':')[2]}({fields})"


def _number_text(kind: str, content: str) -> str:
    if kind == "int":
        number = int(content, 16)
        return str(number) if number.bit_length() < 256 else _enormous(number)
    real = float.fromhex(content)
    return repr(real) if real - real == 0 else f"float({str(real)!r})"


def _enormous(number: int) -> str:
    """A large int as a short expression where it has one, else in hexadecimal (``str`` refuses above 4,300 digits)."""
    power = abs(number).bit_length() - 1
    rest = abs(number) - (1 << power)
    if rest.bit_length() < 64:
        text = f"2**{power} + {rest}" if rest else f"2**{power}"
        return f"-({text})" if number < 0 else text
    return hex(number)


def call_text(target: Target, arguments: Mapping[str, Any]) -> str:
    """The call that fails, for people."""
    shown = ", ".join(f"{name}={python_of(value)}" for name, value in arguments.items())
    return f"{target.name}({shown})"


def test_name(target: Target, counterexample: Counterexample) -> str:
    """A name that tells function and clause, the same for the same counterexample."""
    seed = f"{target.name}{counterexample.clause}{sorted(counterexample.arguments.items())}"
    return f"test_{target.name.replace('.', '_').lower()}_{hashlib.sha256(seed.encode()).hexdigest()[:8]}"


def regression_test(target: Target, module: str, counterexample: Counterexample) -> str:
    """The whole text of the test file. ``module`` is the dotted name to import, after ``sys.path`` if need be."""
    names = [f"{n!r}: {_expression(v)}" for n, v in counterexample.arguments.items()]
    broken = [c for c in target.contract.postconditions if c.text == counterexample.clause]
    clauses = [_assertion(clause) for clause in broken]
    copying = "copyreg.pickle(type(threading.RLock()), lambda _lock: (threading.RLock, ()))  # for the deep copy"
    body = [
        *(("", copying) if _has_live(counterexample.arguments) else ()),
        "",
        "",
        "def made(cls, **fields):",
        "    if issubclass(cls, tuple):",
        "        return cls(**fields)",
        "    instance = cls.__new__(cls)",
        "    for name, value in fields.items():",
        "        object.__setattr__(instance, name, value)",
        "    return instance",
        "",
        "",
        f"def {test_name(target, counterexample)}():",
        f"    module = importlib.import_module({module!r})",
        "    scope = vars(module) | {'implies': lambda test, then: (not test) or then}",
        f"    arguments = {{{', '.join(names)}}}",
        "    old = copy.deepcopy(arguments)",
        *_captures(target),
        *_call(target),
        *clauses,
        *_invariant_lines(target, counterexample, done=bool(clauses)),
    ]
    text = "\n".join(body)
    imports = sorted(["copy", "importlib", *(m for m in MODULES if f"{m}." in text)])
    head = [
        '"""Regression test made from a counterexample; it fails while the contract is broken."""',
        "",
        "from __future__ import annotations",
        "",
        *(f"import {name}" for name in imports),
        "from types import SimpleNamespace",
    ]
    return "\n".join([*head, text]) + "\n"


def _has_live(value: Any) -> bool:
    """Whether something in an argument cannot be copied."""
    if isinstance(value, dict):
        return bool("lock" in value) or any(map(_has_live, value.values()))
    return isinstance(value, list) and any(map(_has_live, value))


def _expression(value: Any) -> str:
    """As ``python_of``, names of the module looked up in it."""
    kind, content = next(iter(value.items()))
    if kind in ("list", "tuple"):
        inner = ", ".join(map(_expression, content))
        return f"[{inner}]" if kind == "list" else f"({inner}{',' if len(content) == 1 else ''})"
    if kind == "set":
        return f"{{{', '.join(map(_expression, content))}}}" if content else "set()"
    if kind == "dict":
        return f"{{{', '.join(f'{_expression(k)}: {_expression(v)}' for k, v in content)}}}"
    place, _, name = str(content).rpartition(":")
    owner = f"importlib.import_module({place!r})" if place else "module"
    if kind in ("member", "class"):
        return f"{owner}.{name}"
    if kind == "obj":
        content = name
        fields = "".join(f", {name}={_expression(v)}" for name, v in value["fields"].items())
        return f"made({owner}.{content}{fields})"
    return python_of(value)


def _captures(target: Target) -> list[str]:
    lines = []
    captured = target.contract.of("snapshot")
    if captured:
        pairs = ", ".join(f"{c.name!r}: {_evaluated(c)}" for c in captured)
        lines.append(f"    captured = {{{pairs}}}")
    return lines


def _call(target: Target) -> list[str]:
    """The call, receiver first; a class's function is looked up on the class."""
    arguments = target.node.args
    positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    kinds = {target.program.dotted(d) for d in target.node.decorator_list}
    values = [f"arguments[{n!r}]" for n in positional]
    values += [f"*arguments[{arguments.vararg.arg!r}]"] if arguments.vararg is not None else []
    values += [f"{a.arg}=arguments[{a.arg!r}]" for a in arguments.kwonlyargs]
    if "property" in kinds:
        return [f"    result = {values[0]}.{target.node.name}"]
    if target.info is not None and "classmethod" in kinds:
        values = values[1:]
    return [f"    result = module.{target.name}({', '.join(values)})"]


def _evaluated(clause: Clause) -> str:
    bindings = []
    for name, role in clause.roles.items():
        key = role.removeprefix("arg:")
        bound = {
            "result": "result",
            "old": "SimpleNamespace(**old)",
            "captured": "SimpleNamespace(**captured)",
            "args": "SimpleNamespace(**arguments, result=result)"
            if clause.kind == "post"
            else "SimpleNamespace(**arguments)",
        }.get(role, f"arguments[{key!r}]")
        bindings.append(f"{name!r}: {bound}")
    code = ast.unparse(clause.expression)
    return f"eval({code!r}, scope | {{{', '.join(bindings)}}})"


def _assertion(clause: Clause) -> str:
    return f"    assert {_evaluated(clause)}, {clause.text!r}"


def _invariant_lines(target: Target, counterexample: Counterexample, *, done: bool) -> list[str]:
    if done:
        return []
    if ": " in counterexample.clause or counterexample.clause.startswith("self."):
        code = counterexample.clause.partition(": ")[2] or counterexample.clause
        lines = ["    for item in [result, *arguments.values()]:"]
        names = [
            n
            for n, i in target.program.classes.items()
            if any(c.text == code for c in target.invariants_of(i).of("inv"))
        ]
        if names:
            lines.append(f"        if type(item).__name__ in {names!r}:")
            lines.append(f"            assert eval({code!r}, scope | {{'self': item}}), {code!r}")
            return lines
    return ["    del result, old, scope  # the call must not raise"]
