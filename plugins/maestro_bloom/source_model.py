"""What one Python source is made of, for selection: its skeleton, its blocks, its imports.

Invariant: a change of the syntax tree changes the skeleton or a block; a comment, a blank line, a moved function or
another layout changes neither. Docstrings are data and belong to the skeleton.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from maestro_bloom import imports_of, memos, syntax_nodes, writers
from maestro_bloom.effects import Effects, at_import, mentioned
from maestro_bloom.keys import DIGEST_SIZE
from maestro_bloom.rearranging import rearranges
from maestro_bloom.source_parts import OWN, Block, SourceModel

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_bloom.source_parts import Statement

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

# Compiled code runs no Python frame, so a body under such a decorator can never be seen to run.
_COMPILERS = frozenset({"jit", "njit", "vectorize", "guvectorize", "cfunc", "stencil", "compile", "script"})
_WORD = re.compile(r"\w+")
_IGNORED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


@lru_cache(maxsize=2)  # who puts probes in asks first, who numbers them next
def model_of(data: bytes) -> SourceModel:
    """Analyse one source. What does not parse is all skeleton: any change of it counts as one of everything."""
    try:
        return _model_of(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        # What no Python parses brings no hook, for nobody can import it.
        hooks = not isinstance(error, SyntaxError)
        return SourceModel(hashlib.blake2b(data, digest_size=DIGEST_SIZE).digest(), wildcard=True, rearranges=hooks)
    finally:
        syntax_nodes.forget()


def _model_of(data: bytes) -> SourceModel:
    tree = _parsed(data)
    walker = _Walker(writers.module_names(tree), tree)
    walker.module(tree)
    found = imports_of.imports(tree)
    return SourceModel(
        skeleton=_hash(walker.skeleton),
        blocks=tuple(walker.blocks),
        imports=found.names,
        strings=found.strings,
        wildcard=found.wildcard or any(imports_of.walks_modules(n) for s in tree.body for n in at_import(s)),
        statements=tuple(walker.statements),
        memo_lambdas=writers.memo_lambdas(tree),
        rearranges=rearranges(tree),
    )


def mentions_of(place: Path, names: frozenset[str]) -> tuple[dict[tuple[str, int], set[str]], set[str]]:
    """Per block of the file at ``place``, those of ``names`` that occur in it or in a function within it.

    Beside it those that occur as words in its texts (docstrings with examples, code kept as text).
    """
    data = place.read_bytes()
    if not any(name.encode() in data for name in names):
        return {}, set()
    tree = _parsed(data)
    walker = _Walker(writers.module_names(tree), tree)
    walker.module(tree)
    texts = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    words = {word for text in texts if not text.isidentifier() for word in _WORD.findall(text)}
    syntax_nodes.forget()
    return {
        (qualname, n): {name for inner in ast.walk(node) for name in mentioned(inner) if name in names}
        for qualname, n, node in walker.functions
    }, words & names


def _parsed(data: bytes) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(data)


def first_line(node: Function) -> int:
    """The line a code object of this function says it starts at: that of its first decorator."""
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


def split_docstring(node: Function | ast.ClassDef) -> tuple[str | None, list[ast.stmt]]:
    """The docstring and the statements behind it."""
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first.value.value, node.body[1:]
    return None, node.body


def _hash(tokens: list[str]) -> bytes:
    text = "\x1f".join(tokens)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_SIZE).digest()


class _Walker:
    """Writes the tree as tokens: function bodies to their own lists, everything else to the list around it."""

    def __init__(self, names: frozenset[str], tree: ast.Module) -> None:
        self.skeleton: list[str] = []
        self.blocks: list[Block] = []
        self.statements: list[Statement] = []
        self._effects = Effects(tree)
        self._names = names
        self._memo = writers.memoisers(tree)
        self._filled = memos.filled_by(tree)
        self._seen: dict[str, int] = {}
        self._scope: list[str] = []
        self._around: list[tuple[str, frozenset[str], frozenset[str]]] = []
        self.functions: list[tuple[str, int, Function]] = []

    def module(self, tree: ast.Module) -> None:
        """Walk a whole module."""
        for statement in tree.body:
            start = len(self.skeleton)
            self._write(statement, self.skeleton)
            self.statements.append(self._effects.statement(statement, _hash(self.skeleton[start:])))

    def _write(self, node: ast.AST, out: list[str]) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._function(node, out)
            return
        out.append(type(node).__name__)
        scoped = isinstance(node, ast.ClassDef)
        if isinstance(node, ast.ClassDef):
            self._scope.append(node.name)
        for field in node._fields:
            if field not in _IGNORED:
                self._value(getattr(node, field, None), out)
        if scoped:
            self._scope.pop()
        out.append(")")

    def _value(self, value: object, out: list[str]) -> None:
        if isinstance(value, ast.AST):
            self._write(value, out)
        elif isinstance(value, list):
            out.append("[")
            for item in value:
                self._value(item, out)
            out.append("]")
        else:
            out.append(repr(value))

    def _function(self, node: Function, out: list[str]) -> None:
        qualname = ".".join([*self._scope, node.name])
        n = self._seen[qualname] = self._seen.get(qualname, -1) + 1
        self.functions.append((qualname, n, node))
        docstring, body = split_docstring(node)
        # Whether it is a generator can be asked of a function without running it.
        suspends = any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in syntax_nodes.own_nodes_of(node))
        out += [type(node).__name__, node.name, str(n), str(suspends)]
        for field in ("args", "returns", "decorator_list", "type_params"):
            self._value(getattr(node, field, None), out)
        out.append(")")
        self.skeleton += [qualname, str(n), repr(docstring)]
        tokens: list[str] = []
        place = len(self.blocks)
        kind = writers.kind(node, self._names, self._memo, self._filled, self._ending_with(node.name))
        self._scope += [node.name, "<locals>"]
        self._around.append((node.name, *writers.ending_with(node)))
        for statement in body:
            self._write(statement, tokens)
        self._around.pop()
        del self._scope[-2:]
        block = Block(
            qualname,
            n,
            _hash(tokens),
            first_line(node),
            kind,
            bool(writers.decorator_names(node) & _COMPILERS),
            writers.tables(node) if kind == OWN else (),
            any(imports_of.walks_modules(inner) for inner in syntax_nodes.own_nodes(body)),
        )
        self.blocks.insert(place, block)

    def _ending_with(self, name: str) -> frozenset[str]:
        """Names of the functions around the one called ``name`` that end no later than their call does."""
        found: frozenset[str] = frozenset()
        for outer, local, inner in reversed(self._around):
            if name not in inner:
                break
            found |= local
            name = outer
        return found
