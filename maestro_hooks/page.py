"""One HTML file that loads nothing: a strict Content-Security-Policy, its own style, light and dark.

Invariant: every text goes through ``text``; the policy allows the page's own style by its digest and nothing else, so a
page can run no script and open no connection even if a text got through unescaped.
"""

from __future__ import annotations

import base64
import hashlib
import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STYLE = """
:root { color-scheme: light dark; --ground: #fdfdfc; --ink: #1c1f24; --soft: #5b6470; --line: #d9dce1;
  --good: #14703a; --bad: #b3261e; --warn: #8a5a00; --panel: #f3f4f6; --accent: #2358b8; }
@media (prefers-color-scheme: dark) { :root { --ground: #14161a; --ink: #e8eaed; --soft: #a0a8b3; --line: #343a43;
  --good: #63d08c; --bad: #ff8a80; --warn: #f2bd5b; --panel: #1d2127; --accent: #8ab4ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; }
code, pre { font: .875em/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: break-word; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem;
  overflow-x: auto; white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; }
.scroll { overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; font-size: .85rem; }
.whole { white-space: nowrap; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.step { border-left: .25rem solid var(--accent); padding: .1rem 0 .1rem .9rem; margin: .75rem 0; }
.headline { border-left: .4rem solid currentColor; padding-left: .9rem; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg .axis { stroke: var(--line); } svg .series { fill: none; stroke: var(--accent); stroke-width: 2; }
svg .dot { fill: var(--accent); } svg .target { stroke: var(--good); stroke-dasharray: 4 3; }
"""


def page(title: str, body: Iterable[str]) -> str:
    """The whole file; ``body`` is markup made by this module's functions."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    rules = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{rules}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{text(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            *body,
            "</body>",
            "</html>",
            "",
        )
    )


def text(words: str) -> str:
    """``words`` escaped; control and direction-changing characters are made visible."""
    return html.escape("".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in words))


def element(name: str, words: str, *, of: str = "") -> str:
    """One element of class ``of`` around escaped words."""
    return f"<{name}{f' class={of!r}' if of else ''}>{text(words)}</{name}>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table whose cells are markup."""
    lines = ['<div class="scroll"><table>', "<thead><tr>", *(element("th", name) for name in head), "</tr></thead>"]
    lines += ["<tbody>", *(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows), "</tbody>"]
    return [*lines, "</table></div>"]
