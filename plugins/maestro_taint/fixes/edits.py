"""Which edit mends which rule.

Invariant: a rule without an edit here is refused, with the reason why none is safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_taint.fixes import calls, command, markup, outputs, paths, queries, sql, urls
from maestro_taint.fixes.view import Edit, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_taint.fixes.site import Site

EDITS: dict[str, Callable[[Site], Edit | Refusal]] = {
    "taint-sql": sql.sql,
    "taint-command": command.command,
    "taint-code": calls.code,
    "taint-path": paths.path,
    "taint-html": markup.html,
    "taint-template": markup.template,
    "taint-xpath": queries.xpath,
    "taint-ldap": queries.ldap,
    "taint-xxe": calls.xml,
    "taint-entities": calls.xml,
    "taint-xxe-parser": calls.xml,
    "taint-deserialize": calls.deserialize,
    "taint-redirect": urls.redirect,
    "taint-ssrf": urls.ssrf,
    "taint-header": outputs.one_line,
    "taint-log-injection": outputs.one_line,
    "taint-weak-hash": calls.weak_hash,
    "taint-random": calls.weak_random,
    "taint-cookie-flags": outputs.cookie,
    "taint-cookie-httponly": outputs.cookie,
    "taint-archive": calls.archive,
    "taint-autoescape": calls.autoescape,
    "taint-temp-file": calls.temp_file,
}
REASONS = {
    "taint-trust": "what may enter the session is the application's to say: validate it there",
    "taint-secret-literal": "a published secret must be changed where it is in force, and then read from outside",
}


def edit(site: Site) -> Edit | Refusal:
    """The repair of one finding."""
    rule = site.finding.rule
    if rule.startswith(("taint-pii-", "taint-secret-")) and rule != "taint-secret-literal":
        return outputs.redact(site)
    known = EDITS.get(rule)
    if known is None:
        return Refusal(REASONS.get(rule, "no edit is known that keeps what the code does"))
    return known(site)
