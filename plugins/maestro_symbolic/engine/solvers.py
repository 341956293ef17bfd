"""Who answers a query: z3, then bitwuzla, cvc5 and z3 anew, each limited in units that no load on the machine changes.

Invariant: an answer is ``sat``, ``unsat`` or ``unknown``; a solver that is not installed or cannot read the query
answers ``unknown``, and nothing but ``unsat`` counts as proof.
"""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import z3

from maestro_symbolic.engine.search import fresh_context

Answer = Literal["sat", "unsat", "unknown"]
CVC5_UNITS = "4000000"
CVC5_MILLISECONDS = "20000"
BITWUZLA_CALLS = 400_000
EXTRA = ("cvc5", "bitwuzla")
INTEGERS = re.compile(r"\b(Int|Real|to_real|to_int|fp\.to_real)\b")


def installed() -> tuple[str, ...]:
    """``name version`` of every solver present, z3 first."""
    found = [f"z3 {version('z3-solver')}"]
    for name in EXTRA:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return tuple(found)


def script(text: str) -> str:
    """A query other solvers read: z3's export names no logic."""
    body = text if "(set-logic" in text else f"(set-logic ALL)\n{text}"
    return body if "(check-sat)" in body else f"{body}\n(check-sat)\n"


def ask_z3(text: str, units: int) -> tuple[Answer, dict[str, str]]:
    """z3 in a fresh context, so that nothing asked before matters."""
    context = fresh_context()
    solver = z3.Solver(ctx=context)
    solver.set("rlimit", units)
    solver.set("max_memory", 1024)
    try:
        solver.from_string(text)
        answer = solver.check()
    except z3.Z3Exception:
        return "unknown", {}
    if answer != z3.sat:
        return ("unsat" if answer == z3.unsat else "unknown"), {}
    model = solver.model()
    return "sat", {z3.Z3_ast_to_string(context.ref(), d().as_ast()): model[d].sexpr() for d in model.decls()}


def ask_cvc5(text: str) -> tuple[Answer, dict[str, str]]:
    """cvc5 with its deterministic resource limit, and a clock behind it for what that limit does not count."""
    if importlib.util.find_spec("cvc5") is None:
        return "unknown", {}
    import cvc5  # noqa: PLC0415 - optional and heavy

    solver = cvc5.Solver()
    solver.setOption("rlimit-per", CVC5_UNITS)
    solver.setOption("tlimit-per", CVC5_MILLISECONDS)
    solver.setOption("produce-models", "true")
    try:
        parser = cvc5.InputParser(solver)
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, script(text), "query")
        symbols = parser.getSymbolManager()
        answer = ""
        while not (command := parser.nextCommand()).isNull():
            answer = str(command.invoke(solver, symbols)).strip() or answer
        if answer == "sat":
            return "sat", {str(t): str(solver.getValue(t)) for t in symbols.getDeclaredTerms()}
    except RuntimeError:
        return "unknown", {}
    return ("unsat" if answer == "unsat" else "unknown"), {}


def ask_bitwuzla(text: str) -> tuple[Answer, dict[str, str]]:
    """Bitwuzla on floats and bit vectors, ended after a number of its own progress calls, never by the clock."""
    if importlib.util.find_spec("bitwuzla") is None or INTEGERS.search(text):
        return "unknown", {}
    import bitwuzla  # noqa: PLC0415 - optional and heavy

    calls = 0

    def spent() -> bool:
        nonlocal calls
        calls += 1
        return calls > BITWUZLA_CALLS

    try:
        options = bitwuzla.Options()
        options.set(bitwuzla.Option.PRODUCE_MODELS, True)  # noqa: FBT003 - bitwuzla's signature
        parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
        parser.parse(script(text), True, False)  # noqa: FBT003 - bitwuzla's signature: parse only, from text
        solver = parser.bitwuzla()
        solver.configure_terminator(spent)
        answer = solver.check_sat()
        if answer == bitwuzla.Result.SAT:
            return "sat", {str(t): str(solver.get_value(t)) for t in parser.get_declared_funs()}
    except bitwuzla.BitwuzlaException:
        return "unknown", {}
    return ("unsat" if answer == bitwuzla.Result.UNSAT else "unknown"), {}


def ask(name: str, text: str, units: int = 12_000_000) -> tuple[Answer, dict[str, str]]:
    """Ask one solver by name: its answer and, if satisfiable, its values as SMT-LIB text."""
    if name == "z3":
        return ask_z3(text, units)
    return ask_cvc5(text) if name == "cvc5" else ask_bitwuzla(text)
