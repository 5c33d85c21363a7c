"""From a provider's claims to a person: the name that is proposed, and the groups, or why there are none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.access.signin.model import Person, Provider

GROUPS_LIMIT = 500
_GROUP_LIMIT = 200
_NAME_LIMIT = 96
_DISPLAY_LIMIT = 128
_UNFIT = re.compile(r"[^a-z0-9._@-]+")


def overflowing(claims: Mapping[str, Any], groups_claim: str) -> bool:
    """Whether the provider says that the groups did not fit into the token."""
    elsewhere = claims.get("_claim_names")
    return claims.get("hasgroups") in (True, "true") or (isinstance(elsewhere, dict) and groups_claim in elsewhere)


def wants_more(claims: Mapping[str, Any], provider: Provider) -> bool:
    """Whether the token lacks what the userinfo endpoint may have."""
    groups = provider.groups_claim
    lacks_groups = groups is not None and find(claims, groups) is None and not overflowing(claims, groups)
    return lacks_groups or not isinstance(find(claims, provider.name_claim), str)


def find(claims: Mapping[str, Any], name: str) -> Any:
    """The claim `name`; a name with dots that is no claim itself leads into objects (`realm_access.roles`)."""
    if name in claims or "." not in name:
        return claims.get(name)
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def person_of(claims: Mapping[str, Any], provider: Provider) -> Person:
    """Whom verified `claims` speak of."""
    groups, note = _groups(claims, provider)
    subject = str(claims["sub"])
    proposed = find(claims, provider.name_claim)
    name = proposed if isinstance(proposed, str) else claims.get("email")
    display = claims.get("name")
    shown = display if isinstance(display, str) else name if isinstance(name, str) else subject
    return Person(
        subject,
        account_name(name if isinstance(name, str) else subject),
        "".join(character for character in shown[:_DISPLAY_LIMIT] if character.isprintable()),
        groups,
        note,
    )


def account_name(proposed: str) -> str:
    """An account name made of what a provider proposes: lower case, so that none looks like another one's."""
    plain = unicodedata.normalize("NFKC", proposed[:1024]).strip().lower()
    name = _UNFIT.sub("-", plain).strip("-._@")[:_NAME_LIMIT].rstrip("-._@")
    return name or "person"


def _groups(claims: Mapping[str, Any], provider: Provider) -> tuple[tuple[str, ...], str]:
    """The groups and '', or none and why."""
    claim = provider.groups_claim
    if claim is None:
        return (), ""
    if overflowing(claims, claim):
        return (), f"the provider says that the groups are too many for its claim {claim}: none is used"
    found = find(claims, claim)
    if found is None:
        return (), f"the provider sent no claim {claim}: no group is used"
    words: Sequence[Any] = [found] if isinstance(found, str) else found if isinstance(found, list) else [None]
    if len(words) > GROUPS_LIMIT:
        return (), f"the provider sent {len(words)} groups, more than {GROUPS_LIMIT}: none is used"
    if not all(isinstance(word, str) and usable_group(word) for word in words):
        return (), f"the provider's claim {claim} is no list of group names: none is used"
    return tuple(dict.fromkeys(word.strip() for word in words)), ""


def usable_group(word: str) -> bool:
    """Whether a group of a provider can be called this."""
    return 0 < len(word.strip()) <= _GROUP_LIMIT and word.isprintable()
