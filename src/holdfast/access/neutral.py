"""User names that say nothing: clients send them beside a key or a token, which alone says whose it is.

They are those of other registries, so that a configuration written for one of them keeps working.
"""

from __future__ import annotations

import re

_NEUTRAL = frozenset(
    {
        "",
        "<token>",
        "$token",
        "$oauthtoken",
        "$app",
        "oauth2accesstoken",
        "_json_key",
        "_json_key_base64",
        "00000000-0000-0000-0000-000000000000",
        "AWS",
        "gitlab-ci-token",
    }
)
_HELPER = re.compile(r"_dcgcr_[0-9_.]{1,32}_token\Z")


def is_neutral(name: str) -> bool:
    """Whether `name` names nobody."""
    return name in _NEUTRAL or _HELPER.match(name) is not None
