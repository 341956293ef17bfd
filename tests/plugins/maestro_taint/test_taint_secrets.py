"""Secrets written as literals: a provider's form blocks, a name alone is a note, and no output holds the secret."""

from __future__ import annotations

import pytest

from maestro_taint import secret_literals

KEY = "AKIA" + "IOSFODNN7ABCDEFG"  # the form, not a key


def found(text: str) -> list[tuple[int, str]]:
    return [(f.at.line, f.level) for f in secret_literals.findings("a.py", text.encode())]


@pytest.mark.parametrize(
    ("text", "level"),
    [
        (f"x = '{KEY}'", "error"),
        ("x = 'ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx'", "error"),
        ("x = 'postgres://bob:s3cr3tpw@db.internal/x'", "error"),
        ("x = '''-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\n'''", "error"),
        ("TOKEN = '9f86d081884c7d659a2f" + "eaa0c55ad015a3bf4f1b'", "error"),
        ("cfg = {'secret_key': 'kd93ldk3-" + "dkdk-22'}", "note"),
        ("password = 'hunter2-horse'", "note"),
        ("connect(password='hunter2-horse')", "note"),
        ("def f(token='hunter2-horse'): pass", "note"),
    ],
)
def test_a_secret_is_found(text: str, level: str) -> None:
    assert found(text) == [(1, level)]


@pytest.mark.parametrize(
    "text",
    [
        f'"""Such as {KEY}."""',
        "x = 'AKIAIOSFODNN7EXAMPLE'",
        "API_KEY = 'your-api-key-here'",
        "password_field = 'password'",
        "token = '${TOKEN}'",
        "x = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'",
        "secret = os.environ['SECRET']",
        "password = ''",
        "url = 'postgres://db.internal/x'",
        "def f(:",
    ],
)
def test_what_is_no_secret_is_not(text: str) -> None:
    assert found(text) == []


def test_the_secret_is_in_no_output() -> None:
    finding = secret_literals.findings("a.py", f"x = '{KEY}'".encode())[0]
    assert KEY not in repr(finding)
    assert (finding.rule, finding.cwe) == ("taint-secret-literal", 798)
