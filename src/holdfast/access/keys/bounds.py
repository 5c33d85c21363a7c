"""The bounds of a key as its row keeps them: a JSON list of objects with `actions`, `repository` and `tag` or none."""

from __future__ import annotations

import json

from holdfast.access.policy.decide import Bound
from holdfast.access.policy.model import Action


def write_bounds(bounds: tuple[Bound, ...] | None) -> str | None:
    """The bounds as JSON; None: there are none."""
    plain = plain_bounds(bounds)
    return None if plain is None else json.dumps(plain, sort_keys=True, separators=(",", ":"))


def plain_bounds(bounds: tuple[Bound, ...] | None) -> list[dict[str, object]] | None:
    """The bounds as values of JSON."""
    return None if bounds is None else [_plain(bound) for bound in bounds]


def read_bounds(text: str | None) -> tuple[Bound, ...] | None:
    """The bounds of a row. An action that this program does not know is left out."""
    if text is None:
        return None
    known = set(Action)
    return tuple(
        Bound(frozenset(Action(name) for name in each["actions"] if name in known), each["repository"], each.get("tag"))
        for each in json.loads(text)
    )


def _plain(bound: Bound) -> dict[str, object]:
    plain: dict[str, object] = {"actions": sorted(bound.actions), "repository": bound.repository}
    return plain if bound.tag is None else {**plain, "tag": bound.tag}
