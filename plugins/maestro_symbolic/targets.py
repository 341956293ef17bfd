"""The functions of a file that have a contract."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_symbolic.contracts.clauses import Contract
from maestro_symbolic.contracts.reading import is_contracted, may_have_contract, read_contract, read_invariants
from maestro_symbolic.linking import Finder
from maestro_symbolic.program import read_program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from maestro_symbolic.program import ClassInfo, Program


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A function under check with its contract and what its callees and classes promise."""

    program: Program
    name: str
    node: ast.FunctionDef
    info: ClassInfo | None
    contract: Contract
    contract_of: Callable[[ast.AST, ClassInfo | None], Contract | None]
    invariants_of: Callable[[ClassInfo], Contract]


def targets_of(
    path: str, source: str, *, everything: bool = False, read: Callable[[str], str | None] | None = None
) -> list[Target]:
    """The contracted functions of a module in the order of the file; ``everything``: also those without a contract.

    ``read`` gives the text of a file by its path below the root, for what the module imports from the project.

    Raises:
        SyntaxError: or ``ValueError``, ``RecursionError``, ``MemoryError``: the file does not parse.
    """
    if not everything and not may_have_contract(path, source):
        ast.parse(source, filename=path)  # most files have nothing to check: they cost one parse
        return []
    program = read_program(path, source)
    if read is not None and (everything or any(is_contracted(program, n, i) for _, n, i in program.callables())):
        program = read_program(path, source, Finder(path, read))

    @functools.cache
    def invariants_of(info: ClassInfo) -> Contract:
        return read_invariants(program, info)

    @functools.cache
    def contract_of(node: ast.AST, info: ClassInfo | None) -> Contract | None:
        return read_contract(program, node, info) if isinstance(node, ast.FunctionDef) else None

    found = []
    for name, node, info in program.callables():
        if not everything and not is_contracted(program, node, info):
            continue
        if isinstance(node, ast.AsyncFunctionDef):
            # Kept under its name, with a contract that says why nothing can be said.
            plain = ast.FunctionDef(node.name, node.args, node.body, [], node.returns)
            note = Contract(unreadable=((node.lineno, "of an async function"),))
            found.append(Target(program, name, ast.copy_location(plain, node), info, note, contract_of, invariants_of))
        else:
            contract = read_contract(program, node, info)
            found.append(Target(program, name, node, info, contract, contract_of, invariants_of))
    return found


def reader(root: Path) -> Callable[[str], str | None]:
    """Reads the files of a working tree; ``None`` where there is none or it cannot be read."""

    def read(path: str) -> str | None:
        try:
            return (root / path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    return functools.cache(read)
