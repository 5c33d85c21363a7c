"""Claims as rules and conditions see them: flat, as text, and without what says nothing of the machine.

A claim inside another is named with a slash between (`kubernetes.io/serviceaccount/uid`); numbers and booleans are
written as JSON writes them; lists, and names that would be two claims' at once, are left out. What differs with every
token (`VOLATILE`) can be matched by a rule but is not carried on to grants, which are about who the machine is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from holdfast.access.errors import Invalid
from holdfast.access.federation.errors import TokenRefused
from holdfast.access.policy.globs import text_glob

OWN = "holdfast/"
"""What begins so is said by this registry; a token's own claims of such names are dropped."""
_DEPTH = 4
_MOST = 128
_NAME_LIMIT = 128
_VALUE_LIMIT = 512
_RULE_CLAIMS = 32
_CARRIED = 1900
_CHECKED = frozenset({"iss", "aud", "exp", "iat", "nbf", "jti"})
VOLATILE = frozenset(
    {
        "at_hash",
        "aud",
        "auth_time",
        "check_run_id",
        "ci_config_sha",
        "exp",
        "iat",
        "iss",
        "job_id",
        "job_workflow_sha",
        "jti",
        "kubernetes.io/node/name",
        "kubernetes.io/node/uid",
        "kubernetes.io/pod/name",
        "kubernetes.io/pod/uid",
        "kubernetes.io/warnafter",
        "nbf",
        "nonce",
        "pipeline_id",
        "rh",
        "run_attempt",
        "run_id",
        "run_number",
        "runner_id",
        "sha",
        "sid",
        "uti",
        "workflow_sha",
    }
)
_NAME = re.compile(r"[!-~](?:[ -~]*[!-~])?")


def flatten(claims: Mapping[str, Any]) -> dict[str, str]:
    """The claims of a token by their flat names."""
    found: dict[str, str | None] = {}
    for name, value in _walk("", claims, _DEPTH):
        found[name] = None if name in found else value
        if len(found) > _MOST:
            raise TokenRefused(f"it has more than {_MOST} claims")
    return {
        name: value
        for name, value in found.items()
        if value is not None and not name.startswith(OWN) and len(name) <= _NAME_LIMIT and len(value) <= _VALUE_LIMIT
    }


def _walk(prefix: str, claims: Mapping[str, Any], depth: int) -> Iterator[tuple[str, str]]:
    for name, value in claims.items():
        path = prefix + name
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, bool):
            yield path, "true" if value else "false"
        elif isinstance(value, int):
            yield path, str(value)
        elif isinstance(value, dict) and depth > 1:
            yield from _walk(path + "/", value, depth - 1)


def carried(flat: Mapping[str, str]) -> dict[str, str]:
    """What of a token's claims goes along with what it does. Raises `TokenRefused` when that is too much: none may be
    left out, because a deny may ask for it."""
    found = {name: value for name, value in flat.items() if name not in VOLATILE}
    if sum(len(name) + len(value) for name, value in found.items()) > _CARRIED:
        raise TokenRefused(f"its claims have more than {_CARRIED} characters")
    return found


def checked_rule(claims: Mapping[str, str]) -> dict[str, str]:
    """The claims that a rule asks for, if they can be. Raises `Invalid`."""
    if not 0 < len(claims) <= _RULE_CLAIMS:
        raise Invalid("claims", f"a rule asks for 1 to {_RULE_CLAIMS} claims")
    for name, wanted in claims.items():
        if name in _CHECKED or name.startswith(OWN):
            raise Invalid("claims", f"{name!r} is not for rules: issuer, audience and times are always checked")
        if len(name) > _NAME_LIMIT or not _NAME.fullmatch(name):
            raise Invalid("claims", f"the name of a claim has 1 to {_NAME_LIMIT} printable ASCII characters")
        if not 0 < len(wanted) <= _VALUE_LIMIT or not wanted.isprintable():
            raise Invalid("claims", f"what {name!r} must be has 1 to {_VALUE_LIMIT} printable characters")
        if not wanted.strip("*"):
            raise Invalid("claims", f"{name!r} would match whatever the token says: give a value")
    return dict(sorted(claims.items()))


def missed(wanted: Mapping[str, str], flat: Mapping[str, str]) -> str | None:
    """The first claim that does not match, in words; None: all do."""
    for name, pattern in wanted.items():
        value = flat.get(name)
        if value is None:
            return f"the token has no claim {name!r}"
        if not text_glob(pattern)(value):
            return f"the token's claim {name!r} is {value[:128]!r}, not {pattern!r}"
    return None
