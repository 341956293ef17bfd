"""Unknown arguments from annotations, and a solver's model turned back into typed Python values.

Invariant: every value of the annotated type up to the length caps is represented; what lies beyond a cap is asked
about separately, so a cap never turns into silence.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import z3

from maestro_symbolic.contracts.bounds import resolve_annotation
from maestro_symbolic.engine.calendars import DAY_US, LAST_ORDINAL, LAST_US, MAX_DAYS
from maestro_symbolic.engine.decoding import Decoding
from maestro_symbolic.engine.exact import INPUT_PLACES, PRECISION
from maestro_symbolic.engine.values import (
    Choice,
    DictCell,
    Exact,
    InfeasibleError,
    LengthCell,
    ListCell,
    Member,
    ObjectCell,
    RaisedError,
    Ref,
    Sym,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_symbolic.contracts.clauses import Contract
    from maestro_symbolic.engine.values import Term, Value
    from maestro_symbolic.program import ClassInfo

LISTS = frozenset({"list", "List", "Sequence", "Iterable", "Collection", "MutableSequence"})
DICTS = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})
EXACT_INPUTS = {
    "decimal.Decimal": "decimal",
    "fractions.Fraction": "fraction",
    "datetime.date": "date",
    "datetime.datetime": "datetime",
    "datetime.timedelta": "timedelta",
}
STATELESS = ("threading.", "logging.")  # a lock or a logger has no state of its own here
MAX_CODE_POINT = 0x10FFFF


class Inputs(Decoding):
    """Makes unknown arguments on one path."""

    caps: Mapping[str, int] = {}
    probing: bool = False
    default_cap = 4
    inner_cap = 2
    measured: frozenset[str] = frozenset()
    beyond: str = ""
    sized: dict[str, Term]

    def unknown(self, annotation: ast.expr | None, name: str) -> Value:
        """An arbitrary value of an annotated type."""
        if annotation is None:
            raise self.unsupported(f"parameter {name} without a type")
        node = resolve_annotation(self.program, annotation)
        if isinstance(node, ast.Constant) and node.value is None:
            return None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._one_of([node.left, node.right], name)
        if isinstance(node, ast.Subscript):
            return self._generic(node, name)
        kind = self.program.dotted(node).rpartition(".")[2]
        if kind in ("int", "bool", "float"):
            return self._scalar(kind, name)
        if kind == "str":
            return self._text(name)
        if self.program.dotted(node) in EXACT_INPUTS:
            return self._exact(EXACT_INPUTS[self.program.dotted(node)], name)
        if self.program.dotted(node) in self.program.classes:
            return self._instance(self.program.classes[self.program.dotted(node)], name)
        if kind in LISTS or kind in DICTS or kind == "tuple":
            raise self.unsupported(f"parameter {name}: {kind} of unknown items", annotation)
        raise self.unsupported(f"parameter type {ast.unparse(annotation)}", annotation)

    def _scalar(self, kind: str, name: str) -> Value:
        if kind == "int":
            return Sym("i", self._made_term(z3.Int(name, self.context)))
        if kind == "bool":
            return Sym("b", self._made_term(z3.Bool(name, self.context)))
        self.has_floats = True
        return Sym("f", self._made_term(z3.FP(name, z3.Float64(self.context))))

    def _made_term(self, term: Term) -> Term:
        """An unknown of the inputs, noted."""
        self.made.append(term)
        return term

    def _exact(self, kind: str, name: str) -> Value:
        """An exact number or time: of a Decimal the plain ones of few places, of a datetime the naive ones."""
        if kind == "fraction":
            return Exact(kind, self._made_term(z3.Real(name, self.context)))
        term = self._made_term(z3.Int(name, self.context))
        if kind == "decimal":
            self.narrow(f"plain Decimals of up to {INPUT_PLACES} places")
            self.assume(z3.And(term < 10**PRECISION, term > -(10**PRECISION)))
            return Exact(kind, term, INPUT_PLACES)
        if kind == "datetime":
            self.narrow("datetimes without a time zone")
        low, high = {
            "date": (1, LAST_ORDINAL),
            "datetime": (0, LAST_US),
            "timedelta": (-MAX_DAYS * DAY_US, (MAX_DAYS + 1) * DAY_US - 1),
        }[kind]
        self.assume(z3.And(term >= low, term <= high))
        return Exact(kind, term)

    def _text(self, name: str) -> Value:
        if self.use_atoms:
            return Sym("a", self._made_term(z3.Int(name, self.context)))
        if self.probing:
            return self.new(LengthCell(self._length_beyond(name)))
        points = []
        size = self._sized(name, min(3, self.default_cap))
        if isinstance(size, Ref):
            return size
        for n in range(size):
            point = self._made_term(z3.Int(f"{name}[{n}]", self.context))
            self.assume(z3.And(point >= 0, point <= MAX_CODE_POINT))
            points.append(Sym("i", point))
        return Text(tuple(points)) if points else ""

    def _length_beyond(self, name: str) -> Term:
        length = z3.Int(f"#{name}", self.context)
        self.sized[name] = length
        self.assume(length >= 0)
        return length

    def _size(self, name: str, default: int) -> int | None:
        """A length by forking; ``None`` stands for one beyond the cap that nothing has measured."""
        cap = self.caps.get(name, default)
        size = z3.Int(f"#{name}", self.context)
        options = [size == n for n in range(cap + 1)]
        if name in self.measured:
            return self.choose(options)
        index = self.choose([*options, size > cap])
        return index if index <= cap else None

    def _sized(self, name: str, default: int) -> int | Ref:
        """A length, or a container of which only the length is known, to ask whether such inputs are possible."""
        size = self._size(name, default)
        if size is not None:
            return size
        self.beyond = self.beyond or f"lengths up to {self.caps.get(name, default)} of {name}"
        return self.new(LengthCell(z3.Int(f"#{name}", self.context)))

    def _generic(self, node: ast.Subscript, name: str) -> Value:
        kind = self.program.dotted(node.value).rpartition(".")[2]
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if kind in ("Annotated", "Final"):
            return self.unknown(parts[0], name)
        if kind == "Optional":
            return self._one_of([parts[0], ast.Constant(None)], name)
        if kind == "Union":
            return self._one_of(parts, name)
        if kind == "Literal":
            return self._selected([p.value for p in parts if isinstance(p, ast.Constant)], name)
        if kind in LISTS:
            if self.probing:
                return self.new(LengthCell(self._length_beyond(name)))
            size = self._sized(name, self._cap_of(name))
            if isinstance(size, Ref):
                return size
            return self.new(ListCell(tuple(self.unknown(parts[0], f"{name}[{n}]") for n in range(size))))
        if kind in DICTS and len(parts) == 2:
            return self._dictionary(parts, name)
        if kind in ("tuple", "Tuple"):
            return self._tuple(parts, name)
        raise self.unsupported(f"parameter type {ast.unparse(node)}", node)

    def _cap_of(self, name: str) -> int:
        """Containers inside containers are kept shorter: their lengths multiply."""
        return self.inner_cap if "[" in name and name not in self.measured else self.default_cap

    def _tuple(self, parts: list[ast.expr], name: str) -> Value:
        if len(parts) == 2 and isinstance(parts[1], ast.Constant) and parts[1].value is ...:
            if self.probing:
                return self.new(LengthCell(self._length_beyond(name)))
            size = self._sized(name, self._cap_of(name))
            if isinstance(size, Ref):
                return size
            return tuple(self.unknown(parts[0], f"{name}[{n}]") for n in range(size))
        return tuple(self.unknown(part, f"{name}[{n}]") for n, part in enumerate(parts))

    def _dictionary(self, parts: list[ast.expr], name: str) -> Value:
        if self.probing:
            return self.new(LengthCell(self._length_beyond(name)))
        entries: list[tuple[Value, Value]] = []
        size = self._sized(name, min(3, self._cap_of(name)))
        if isinstance(size, Ref):
            return size
        for n in range(size):
            key = self.unknown(parts[0], f"{name}.key{n}")
            self.assume_true(self.all_of([self.negation(self.equal(key, known)) for known, _ in entries]))
            entries.append((key, self.unknown(parts[1], f"{name}.value{n}")))
        return self.new(DictCell(tuple(entries)))

    def assume_true(self, answer: Term) -> None:
        """Assume an answer of the comparison layer."""
        if isinstance(answer, bool):
            if not answer:
                raise InfeasibleError
        else:
            self.assume(answer)

    def _one_of(self, nodes: list[ast.expr], name: str) -> Value:
        selector = z3.Int(f"?{name}", self.context)
        if any(not self._is_plain(n) for n in nodes):
            return self.unknown(nodes[self.choose([selector == n for n in range(len(nodes))])], name)
        return self._chosen([self.unknown(n, f"{name}|{i}") for i, n in enumerate(nodes)], name)

    def _is_plain(self, node: ast.expr) -> bool:
        node = resolve_annotation(self.program, node)
        dotted = self.program.dotted(node)
        return dotted in ("int", "float", "bool") or (isinstance(node, ast.Constant) and node.value is None)

    def _selected(self, values: list[Value], name: str) -> Value:
        return self._chosen(values, name)

    def _chosen(self, values: list[Value], name: str) -> Value:
        """One of some values by an unknown selector, without forking."""
        if len(values) == 1:
            return values[0]
        selector = z3.Int(f"?{name}", self.context)
        self.assume(z3.And(selector >= 0, selector < len(values)))
        return Choice(tuple((selector == n, value) for n, value in enumerate(values)))

    # -- instances --------------------------------------------------------------------------------------------

    def class_contract(self, info: ClassInfo) -> Contract:
        """The invariants of a class; supplied by the checking layer."""
        raise NotImplementedError

    def _instance(self, info: ClassInfo, name: str) -> Value:
        if info.is_enum:
            if not info.members:
                raise self.unsupported(f"enumeration {info.name} without members")
            return self._chosen([Member(info, member) for member in info.members], name)
        if info.is_typed_dict:
            return self._typed_dict(info, name)
        list(self.ancestry(info))
        if self.find_in_ancestry(info, "__init__") is not None:
            target = self._made(info, name)
        elif self.has_fields(info):
            target = self._from_fields(info, name)
        else:
            raise self.unsupported(f"parameter {name} of class {info.name}")
        for clause in self.class_contract(info).of("inv"):
            self.assume_true(self.clause_truth(clause, {"*self": target}))
        return target

    def _typed_dict(self, info: ClassInfo, name: str) -> Value:
        if info.node.keywords or len(info.bases) > 1:
            raise self.unsupported(f"keys of {info.name} that may be missing")
        keys = [(f.target.id, f.annotation) for f in info.fields if isinstance(f.target, ast.Name)]
        return self.new(DictCell(tuple((key, self.unknown(kind, f"{name}[{key}]")) for key, kind in keys)))

    def _from_fields(self, info: ClassInfo, name: str) -> Ref:
        fields = {}
        for node in self.dataclass_fields(info):
            assert isinstance(node.target, ast.Name)  # noqa: S101 - the reader keeps only these
            fields[node.target.id] = self.unknown(node.annotation, f"{name}.{node.target.id}")
        target = self.new(ObjectCell(info, fields))
        if self.find_in_ancestry(info, "__post_init__") is not None:
            try:
                self.call_method(target, "__post_init__", ())
            except RaisedError as error:
                raise InfeasibleError from error
        return target

    def _made(self, info: ClassInfo, name: str) -> Ref:
        """An instance of a class with ``__init__``: any state its invariants allow, else any it can be made in."""
        node = self.find_in_ancestry(info, "__init__")
        assert node is not None  # noqa: S101 - the caller has looked
        arguments = [*node.args.args[1:], *node.args.kwonlyargs]
        named = {a.arg: self.unknown(a.annotation, f"{name}({a.arg})") for a in arguments}
        self.depth += 1  # the preconditions of __init__ are owed, as in any call
        try:
            target: Ref = self.instantiate(info, (), named)
        except RaisedError as error:
            raise InfeasibleError from error
        finally:
            self.depth -= 1
        if self.class_contract(info).of("inv"):
            cell = self.heap[target.id]
            assert isinstance(cell, ObjectCell)  # noqa: S101 - just made
            kinds = self._attribute_types(info, node)
            fields = {
                field: self.unknown(kinds[field], f"{name}.{field}") if field in kinds else value
                for field, value in cell.fields.items()
            }
            self.heap[target.id] = ObjectCell(info, fields)
        return target

    def _attribute_types(self, info: ClassInfo, node: ast.FunctionDef) -> dict[str, ast.expr]:
        """The types of ``self.x`` as ``__init__`` writes them: annotated, copied from a parameter, or of a constant."""
        parameters = {a.arg: a.annotation for a in (*node.args.args, *node.args.kwonlyargs) if a.annotation}
        kinds: dict[str, ast.expr] = {}
        declared = {f.target.id: f.annotation for f in info.fields if isinstance(f.target, ast.Name)}
        for inner in ast.walk(node):
            target: ast.expr | None = inner.target if isinstance(inner, ast.AnnAssign) else None
            if isinstance(inner, ast.Assign) and len(inner.targets) == 1:
                target = inner.targets[0]
            if not (isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)):
                continue
            value = inner.value if isinstance(inner, ast.Assign | ast.AnnAssign) else None
            kind = self._type_of_value(value, parameters)
            if isinstance(inner, ast.AnnAssign):
                kind = inner.annotation
            kind = kind or declared.get(target.attr)
            if kind is None and isinstance(value, ast.Call) and self.program.dotted(value.func).startswith(STATELESS):
                continue
            if kind is None:
                raise self.unsupported(f"attribute {target.attr} without a type", inner)
            kinds.setdefault(target.attr, kind)
        return kinds

    def _type_of_value(self, value: ast.expr | None, parameters: Mapping[str, ast.expr]) -> ast.expr | None:
        if isinstance(value, ast.Name):
            return parameters.get(value.id)
        if isinstance(value, ast.Constant) and value.value is not None:
            return ast.Name(type(value.value).__name__, ast.Load())
        if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
            info = self.program.classes.get(value.value.id)
            return ast.Name(info.name, ast.Load()) if info is not None and info.is_enum else None
        return None

    # -- models -----------------------------------------------------------------------------------------------
