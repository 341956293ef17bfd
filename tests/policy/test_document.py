from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_hooks.errors import ConfigError
from maestro_hooks.policy.document import read_policy
from maestro_hooks.policy.starter import starter_policy

RULE = "version: 1\nrules:\n  - id: a\n    require: x/y\n"


def test_the_starter_policy_is_valid() -> None:
    for buildable in (True, False):
        policy = read_policy(starter_policy(buildable=buildable).encode(), where="p.yaml")
        assert ("it-builds" in {r.id for r in policy.rules}) is buildable


def test_digest_speaks_about_meaning_not_about_layout() -> None:
    one = read_policy(
        b"version: 1\nrules:\n  - {id: a, require: x/y, max: 0.50}\n  - {id: b, require: z/*}\n", where="p"
    )
    two = read_policy(
        b"# words\nrules:\n- {require: z/*, id: b}\n- id: a\n  max: 0.5\n  require: x/y\nversion: 1\n", where="p"
    )
    other = read_policy(
        b"version: 1\nrules:\n  - {id: a, require: x/y, max: 0.51}\n  - {id: b, require: z/*}\n", where="p"
    )
    digests = [hashlib.sha256(p.exported()).hexdigest() for p in (one, two, other)]
    assert digests[0] == digests[1] != digests[2]


def test_bounds_are_exported_exactly() -> None:
    policy = read_policy(b"version: 1\nrules:\n  - {id: a, require: x/y, min: 0.07, max: 12}\n", where="p")
    (rule,) = json.loads(policy.exported())["rules"]
    assert (rule["scale"], rule["min"], rule["max"]) == (100, "7", "1200")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected `object`"),
        ("version: 2\nrules: []\n", "invalid"),
        ("version: 1\nrules: []\n", "length >= 1"),
        (RULE + "    limit: 3\n", "unknown field `limit`"),
        (RULE + "    max: 0\n    max: 1\n", "duplicate key 'max'"),
        (RULE + "    max: many\n", "expected a number, got `str`"),
        (RULE + "    max: .inf\n", "exact decimal"),
        (RULE + "    max: 1e400\n", "at most 18 digits"),
        (RULE + "    max: nan\n", "expected a number, got `str`"),
        (RULE + "    min: 2\n    max: 1\n", "min 2 is above max 1"),
        (RULE + "    accept: []\n", "nothing could ever meet it"),
        (RULE + "  - id: a\n    require: z/y\n", "rule ids must be unique: a"),
        ("version: 1\nrules: &a\n  - {id: a, require: x/y}\nwaivers: *a\n", "aliases are not allowed"),
        (RULE + "waivers:\n  - {key: x/y, owner: me, reason: why}\n", "missing required field `expires`"),
        (RULE + "waivers:\n  - {key: x/y, owner: me, reason: why, expires: soon}\n", "must be a date"),
        ("version: 1\nrules:\n  - {id: A B, require: x/y}\n", "matching regex"),
        ("[" * 5000, "nested deeper than 32 levels"),
        ("!!python/object/apply:os.system ['true']", "tags are not allowed"),
    ],
)
def test_bad_policies_are_refused_with_their_place(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_policy(text.encode(), where="maestro-policy.yaml")
    assert words.lower() in str(caught.value).lower()
    assert str(caught.value).startswith("maestro-policy.yaml")


def test_dates_stay_text() -> None:
    text = RULE + "waivers:\n  - {key: x/y, owner: me, reason: why, expires: 2027-06-30}\n"
    assert read_policy(text.encode(), where="p").waivers[0].expires == "2027-06-30"


@given(st.binary(max_size=200))
def test_nothing_but_a_config_error_escapes(data: bytes) -> None:
    try:
        policy = read_policy(data, where="p")
    except ConfigError:
        return
    assert policy.rules
