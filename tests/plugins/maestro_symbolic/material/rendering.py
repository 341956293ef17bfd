"""Writes a case of the material as a module in one of the contract styles."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from families import Case

Style = Literal["pep316", "assert", "icontract", "deal"]
STYLES: tuple[Style, ...] = ("pep316", "assert", "icontract", "deal")
RESULT = re.compile(r"\bR\b")


def names(parameters: str) -> str:
    """``a: int, b: list[int]`` as ``a, b``."""
    depth, found, word = 0, [], ""
    for char in f"{parameters},":
        depth += (char == "[") - (char == "]")
        if char == "," and depth == 0:
            found.append(word.partition(":")[0].strip())
            word = ""
        else:
            word += char
    return ", ".join(n for n in found if n)


def render(case: Case, style: Style, *, faulty: bool) -> str:
    """The module's text."""
    body: str = case.body.replace(case.right, case.wrong, 1) if faulty else case.body
    head: str = "from __future__ import annotations\n" + case.prelude + "\n"
    signature = f"def {case.name}({case.parameters}) -> {case.returns}:\n"
    free = names(case.parameters)
    if style == "pep316":
        lines = [f"pre: {p}" for p in case.pre] + [f"post: {RESULT.sub('__return__', p)}" for p in case.post]
        document = '    """\n' + "".join(f"    {line}\n" for line in lines) + '    """\n'
        return head + signature + document + textwrap.indent(body, "    ") + "\n"
    if style == "assert":
        inner = textwrap.indent(body, "        ")
        wrapped = f"    def body({free}):\n{inner}\n    R = body({free})\n" if "return" in body else ""
        before = "".join(f"    assert {p}\n" for p in case.pre)
        after = "".join(f"    assert {p}\n" for p in case.post)
        return f"{head}{signature}{before}{wrapped}{after}    return R\n"
    if style == "icontract":
        decorators = [f"@icontract.require(lambda {free}: {p})" for p in case.pre]
        decorators += [f"@icontract.ensure(lambda {free}, result: {RESULT.sub('result', p)})" for p in case.post]
        head = head.replace("annotations\n", "annotations\nimport icontract\n", 1)
    else:
        decorators = [f"@deal.pre(lambda {free}: {p})" for p in case.pre]
        decorators += [f"@deal.ensure(lambda {free}, result: {RESULT.sub('result', p)})" for p in case.post]
        head = head.replace("annotations\n", "annotations\nimport deal\n", 1)
    return head + "".join(f"{d}\n" for d in decorators) + signature + textwrap.indent(body, "    ") + "\n"
