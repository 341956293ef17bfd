"""Personal data and secrets: by declarations and annotations, then by what a request holds; names give notes."""

from __future__ import annotations

import pytest

from tests.plugins.maestro_taint.analysing import findings

CLASS = (
    "import logging\nfrom dataclasses import dataclass, field\nfrom typing import Annotated\nfrom marks import PII\n"
)
USER = CLASS + "@dataclass\nclass User:\n    email: str\n    nick: str\n    handle: Annotated[str, PII]\n"
REQUEST = "import logging\nimport requests\nfrom flask import request\n"


def levels(text: str) -> set[tuple[str, str]]:
    return {(f.rule, f.level) for f in findings({"a.py": text}) if f.rule.startswith(("taint-pii", "taint-secret"))}


@pytest.mark.parametrize(
    "text",
    [
        USER + "def f(u: User):\n    logging.info('%s', u.email)\n",
        USER + "def f(u: User):\n    logging.info('%s', u.handle)\n",
        USER + "def f(u: User):\n    logging.info('%s', u)\n",
        USER + "def f(u: User | None):\n    if u:\n        logging.info(u.email)\n",
        USER
        + "def f(u: User):\n    try:\n     raise ValueError(u.email)\n    except ValueError as e:\n     print(e)\n",
        USER
        + "import json\ndef f():\n    u = User(json.load(open('u'))['email'], 'n', 'h')\n    logging.info(u.email)\n",
        CLASS + "def f(name: Annotated[str, PII]):\n    logging.info(name)\n",
        REQUEST + "def f():\n    logging.info('%s', request.form['email'])\n",
        CLASS
        + "class A:\n    def __init__(self, email: str):\n        self.email: str = email\n"
        + "def f(a: A):\n    logging.info(vars(a))\n",
        USER
        + "class Store:\n    def load(self, i) -> User:\n        raise NotImplementedError\n"
        + "def f(s: Store):\n    u = s.load(1)\n    logging.info(u.email)\n",
    ],
)
def test_declared_personal_data_in_a_log_blocks(text: str) -> None:
    assert ("taint-pii-log", "error") in levels(text)


@pytest.mark.parametrize("key", ["form['password']", "headers.get('Authorization')", "get_json()['api_key']"])
def test_a_secret_in_the_request_blocks_in_a_log(key: str) -> None:
    assert ("taint-secret-log", "error") in levels(REQUEST + f"def f():\n    logging.info('%s', request.{key})\n")


@pytest.mark.parametrize("read", ["TOKEN", "HELD['token']", "(lambda: TOKEN)()"])
def test_a_secret_read_when_a_module_is_loaded_is_one_wherever_the_module_is_used(read: str) -> None:
    text = (
        "import logging, os\nTOKEN = os.environ['API_TOKEN']\nHELD = {'token': TOKEN, 'host': 'h'}\n"
        f"def f():\n    logging.info('%s', {read})\n"
    )
    assert ("taint-secret-log", "error") in levels(text)
    assert levels(text.replace(read, "HELD['host']")) == set()


@pytest.mark.parametrize(
    "text",
    [
        USER + "def f(u: User):\n    logging.info('%s', u.nick)\n",
        USER + "def f():\n    logging.info('%s', User('a@b.example', 'n', 'h').email)\n",
        USER
        + "import hmac\ndef f(u: User):\n    logging.info(hmac.new(b'k', u.email.encode(), 'sha256').hexdigest())\n",
        USER + "def f(u: User):\n    logging.info(len(u.email))\n",
        CLASS
        + "@dataclass\nclass T:\n    email_template: str\ndef f(t: T):\n    logging.info('%s', t.email_template)\n",
        CLASS + "@dataclass\nclass U:\n    email: str = field(repr=False)\ndef f(u: U):\n    logging.info('%s', u)\n",
        REQUEST + "def f():\n    logging.info('%s', request.form['title'])\n",
    ],
)
def test_what_gives_nothing_away_is_no_finding(text: str) -> None:
    assert levels(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "import logging\ndef f(user):\n    logging.info('%s', user.email)\n",
        REQUEST + "def f():\n    requests.post('https://mail.example', data={'to': request.form['email']})\n",
    ],
)
def test_a_name_alone_or_a_service_that_needs_the_value_is_a_note(text: str) -> None:
    assert {level for _, level in levels(text)} <= {"note"}
