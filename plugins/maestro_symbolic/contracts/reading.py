"""The contract of a function or class, of whatever styles it mixes.

Invariant: a function is contracted if it, a bound in its annotations, or an invariant of its class says so.
"""

from __future__ import annotations

import ast
import copy
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from maestro_symbolic.contracts import decorators, docstrings
from maestro_symbolic.contracts.bounds import annotated_clauses, bound_clauses
from maestro_symbolic.contracts.clauses import Clause, Contract, Draft
from maestro_symbolic.linking import Qualifier

if TYPE_CHECKING:
    from maestro_symbolic.program import ClassInfo, Function, Program

TEST_FILES = ("test_*.py", "*_test.py", "conftest.py", "tests/*", "*/tests/*")
WORDS = re.compile(r"icontract|deal|Annotated|^.*\b(?:pre|post|inv|raises)\s*(?:\[[^\]]*\])?\s*:", re.MULTILINE)
GOOGLE_RAISES = re.compile(r"^\s*Raises:\s*$")
SPHINX_RAISES = re.compile(r"^\s*:raises?\s+([\w., ]+):")


def may_have_contract(path: str, source: str) -> bool:
    """Whether a file's text holds a word that every contract needs: no false "no", and quicker than reading it."""
    return WORDS.search(source) is not None or ("assert" in source and not _is_test_file(path))


def read_contract(program: Program, node: Function, info: ClassInfo | None) -> Contract:
    """Everything that is said about one function; its class's invariants are read apart."""
    draft = Draft()
    names = parameter_names(node)
    for decorator in node.decorator_list:
        decorators.read(program, decorator, names, draft)
    text = ast.get_docstring(node, clean=False)
    if text is not None:
        docstrings.read(text, node.body[0].lineno, names, draft)
        draft.raises.update(documented_raises(text))
    annotated_clauses(program, node, draft)
    for statement in leading_asserts(node):
        roles = {name: f"arg:{name}" for name in names}
        draft.clauses.append(
            Clause(
                kind="pre",
                text=ast.unparse(statement.test),
                line=statement.lineno,
                expression=statement.test,
                roles=roles,
            )
        )
    if names and not _is_test_file(program.path) and any(isinstance(s, ast.Assert) for s in _own_nodes(node)):
        draft.styles.add("assert")
    del info
    return qualified(program, node, draft.done())


def qualified(program: Program, node: ast.AST, contract: Contract) -> Contract:
    """The contract of a linked module's definition, its conditions in the full names of what they use."""
    home = program.homes.get(node)
    if home is None:
        return contract
    clauses = []
    for clause in contract.clauses:
        qualifier = Qualifier(*home)
        qualifier.hidden.append(frozenset(clause.roles))
        clauses.append(replace(clause, expression=qualifier.visit(copy.deepcopy(clause.expression))))
    return replace(contract, clauses=tuple(clauses))


def read_invariants(program: Program, info: ClassInfo) -> Contract:
    """The invariants of a class: decorators, PEP 316 lines of its docstring, bounds of its annotated fields."""
    draft = Draft()
    for decorator in info.node.decorator_list:
        decorators.read_invariant(program, decorator, draft)
    text = ast.get_docstring(info.node, clean=False)
    if text is not None:
        docstrings.read_invariants(text, info.node.body[0].lineno, draft)
    for field in info.fields:
        assert isinstance(field.target, ast.Name)  # noqa: S101 - the reader keeps only these
        subject = ast.Attribute(ast.Name("self", ast.Load()), field.target.id, ast.Load())
        bound_clauses(program, field.annotation, subject, draft, kind="inv", roles={"self": "self"})
    return qualified(program, info.node, draft.done())


def is_contracted(program: Program, node: Function, info: ClassInfo | None) -> bool:
    """Whether there is anything to check about a function."""
    contract = read_contract(program, node, info)
    if contract.styles or contract.unreadable:
        return True
    if info is None or (node.name.startswith("_") and node.name != "__init__"):
        return False
    kinds = {program.dotted(d) for d in node.decorator_list}
    if info.is_enum or kinds & {"staticmethod", "classmethod"}:
        return False
    invariants = read_invariants(program, info)
    return bool(invariants.clauses or invariants.unreadable)


def parameter_names(node: Function) -> tuple[str, ...]:
    """Parameters in order."""
    arguments = node.args
    rest = [arguments.vararg] if arguments.vararg is not None else []
    return tuple(a.arg for a in (*arguments.posonlyargs, *arguments.args, *rest, *arguments.kwonlyargs))


def leading_asserts(node: Function) -> list[ast.Assert]:
    """The ``assert`` statements before anything else is done: what callers owe."""
    found = []
    for index, statement in enumerate(node.body):
        if isinstance(statement, ast.Assert):
            found.append(statement)
        elif not (index == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            break
    return found


def documented_raises(text: str) -> set[str]:
    """Exceptions a docstring documents: ``Raises:`` sections (Google) and ``:raises X:`` (Sphinx)."""
    found: set[str] = set()
    lines = text.splitlines()
    for index, line in enumerate(lines):
        sphinx = SPHINX_RAISES.match(line)
        if sphinx:
            found.update(name.strip() for name in sphinx.group(1).split(","))
        if not GOOGLE_RAISES.match(line):
            continue
        margin = len(line) - len(line.lstrip())
        for following in lines[index + 1 :]:
            if not following.strip() or len(following) - len(following.lstrip()) <= margin:
                break
            name = re.match(r"\s*([A-Za-z_][\w.]*)\s*:", following)
            if name:
                found.add(name.group(1))
    return found


def _own_nodes(node: Function) -> list[ast.AST]:
    """The nodes of a function without those of functions inside it."""
    found: list[ast.AST] = []
    pending: list[ast.AST] = list(node.body)
    while pending:
        one = pending.pop()
        found.append(one)
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            pending += ast.iter_child_nodes(one)
    return found


def _is_test_file(path: str) -> bool:
    """In a test a bare ``assert`` is the test, not a contract."""
    return any(fnmatchcase(path if "/" in pattern else path.rpartition("/")[2], pattern) for pattern in TEST_FILES)
