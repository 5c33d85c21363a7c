"""What is kept of a use of a right: who, by what, from where, at what; and how often on one day.

Everything here is bounded: addresses are kept as network blocks, agents as their names, claims without those that are
new in every token.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from holdfast.access.model import Identity

DAY = 86_400_000_000
"""Microseconds."""
FLEETING_CLAIMS = frozenset(
    [
        "aud",
        "auth_time",
        "check_run_id",
        "exp",
        "iat",
        "job_id",
        "jti",
        "nbf",
        "nonce",
        "pipeline_id",
        "run_attempt",
        "run_id",
        "run_number",
        "sha",
    ]
)
"""Claims that are new in every token, or say nothing of its holder: they are not kept."""
UNKNOWN_GROUPS = "*"
"""Instead of a list of groups that is longer than what is kept."""
_PROGRAM = re.compile(r"[A-Za-z][A-Za-z_-]+", re.ASCII)  # after a slash: no version, which has digits
_TEXT, _AGENT, _CLAIMS, _GROUPS, _NAME = 512, 64, 2048, 4096, 256


class Holder(NamedTuple):
    """Who uses a right: the account's id (0: anonymous), its name as the journal has it, the credential, the claims."""

    id: int
    actor: str
    credential: str
    claims: str


class Use(NamedTuple):
    """One row of the aggregates. `day`: microseconds at its beginning; `groups`: a JSON list, or `*` for one that was
    too long; `network`: a /24 or /64; `agent`: its name only; `reference`: a tag, a digest, or '' for the repository
    as a whole and for blobs. Times are microseconds."""

    day: int
    subject: str
    groups: str
    credential: str
    claims: str
    network: str
    agent: str
    action: str
    repository: str
    reference: str
    allowed: bool
    times: int
    first_at: int
    last_at: int

    @property
    def key(self) -> bytes:
        """What tells this row from every other."""
        return hashlib.blake2b(json.dumps(self[:-3]).encode(), digest_size=16).digest()


class KeptUse(NamedTuple):
    """A row of the aggregates as it is kept, with its key."""

    key: bytes
    day: int
    subject: str
    groups: str
    credential: str
    claims: str
    network: str
    agent: str
    action: str
    repository: str
    reference: str
    allowed: bool
    times: int
    first_at: int
    last_at: int


def holder_of(who: Identity) -> Holder:
    """The holder that `who` is counted as."""
    return Holder(who.subject.id, who.subject.actor, who.credential.text, claims_text(who.credential.claims))


def claims_text(claims: Mapping[str, str]) -> str:
    """The lasting claims as JSON, '' for none; the longest ones go first where there are too many."""
    kept = {str(name): str(value) for name, value in claims.items() if name not in FLEETING_CLAIMS}
    while kept:
        text = json.dumps(kept, sort_keys=True, separators=(",", ":"))
        if len(text) <= _CLAIMS:
            return text
        del kept[max(kept, key=lambda name: len(kept[name]))]
    return ""


def groups_text(names: list[str]) -> str:
    """The names of groups as they are kept."""
    text = json.dumps(sorted(names))
    return text if len(text) <= _GROUPS else UNKNOWN_GROUPS


@lru_cache(16384)
def network_of(address: str) -> str:
    """The block that an address is in: a /24 of IPv4, a /64 of IPv6; '' for what is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if isinstance(parsed, IPv6Address):
        return str(ip_network((int(parsed) >> 64 << 64, 64)))
    return str(ip_network((int(parsed) >> 8 << 8, 24)))


@lru_cache(4096)
def agent_name(agent: str) -> str:
    """The name of a client in its User-Agent, without its version: `containerd`, `docker`, `regclient/regsync`."""
    name, _, rest = agent.strip()[:_TEXT].partition(" ")[0].partition("/")
    more = rest.partition("/")[0]
    return clean(f"{name}/{more}" if _PROGRAM.fullmatch(more) else name, _AGENT)


def clean(text: str, limit: int = _TEXT) -> str:
    """`text` as every database takes it: cut, and without NUL and halves of characters."""
    return text[:limit].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
