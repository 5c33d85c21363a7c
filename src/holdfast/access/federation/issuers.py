"""The issuers whose machines may be robots here: administrators register, change and remove them.

Promises: an address is checked when it is saved, and its keys are fetched then, so that a slip is told at once; several
issuers may say the same `iss` (every cluster of a kind does) when their keys differ; the audience is never empty. A
change or a removal holds at the next request of every node. Who manages access somewhere may see them, because rules
name them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from holdfast.access.delegating import circumstances_of, manages_somewhere, require_administrator
from holdfast.access.errors import Changed, Conflict, Denied, Invalid, Unknown
from holdfast.access.federation.errors import KeysAway
from holdfast.access.federation.keysets import Found, KeySets
from holdfast.access.federation.model import FederationSettings, Issuer, IssuerChange, IssuerDraft
from holdfast.access.federation.presets import PRESETS, preset_of
from holdfast.access.federation.store import (
    ADD_ISSUER,
    CHANGE_ISSUER,
    END_ISSUER,
    END_RULES,
    ISSUER,
    ISSUERS,
    KEYS,
    RULES_OF_ISSUER,
    TOUCH_RULES,
    TRUSTED,
    IssuerRow,
)
from holdfast.access.federation.token import keys_of, public_set
from holdfast.access.model import Identity
from holdfast.access.policy.model import Action, Circumstances
from holdfast.access.standing import begin_change
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note
from holdfast.remote.errors import UrlRefused
from holdfast.remote.outbound import Outbound

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*\Z")
_NAME_LIMIT = 64
_TEXT_LIMIT = 512
_SET_LIMIT = 256 << 10


class _Wanted(NamedTuple):
    """A draft that was looked at: with the preset's own `iss`, and the keys."""

    iss: str
    audience: str
    preset: str | None
    discovery: str | None
    pinned: bool
    found: Found


class Issuers:
    """The management of issuers."""

    def __init__(self, db: Database, keys: KeySets, outbound: Outbound, settings: FederationSettings) -> None:
        self._db = db
        self._keys = keys
        self._outbound = outbound
        self._settings = settings

    async def page(self, caller: Identity, *, after: str = "", limit: int = 100, origin: Origin) -> list[Issuer]:
        """Issuers by name. Raises `Denied`."""
        require_manager(caller, await circumstances_of(self._db, caller, origin))
        return [_issuer(row) for row in await self._db.all(ISSUERS, after=after, limit=limit)]

    async def get(self, caller: Identity, name: str, *, origin: Origin) -> Issuer:
        """One issuer. Raises `Denied`, `Unknown`."""
        require_manager(caller, await circumstances_of(self._db, caller, origin))
        return _issuer(await _row(self._db, name))

    async def add(self, caller: Identity, draft: IssuerDraft, *, origin: Origin) -> Issuer:
        """Register an issuer. Raises `Denied`, `Invalid`, `Conflict`."""
        require_administrator(caller, await circumstances_of(self._db, caller, origin))
        if len(draft.name) > _NAME_LIMIT or not _NAME.match(draft.name):
            raise Invalid(
                "name", f"an issuer's name has 1 to {_NAME_LIMIT} of a-z, 0-9, and single '.', '_' or '-' between"
            )
        wanted = await self._looked_at(draft)

        async def add(unit: Unit) -> None:
            version = await begin_change(unit, caller)
            if await unit.one(ISSUER, name=draft.name) is not None:
                raise Conflict(f"there is an issuer {draft.name!r} already")
            await _check_apart(unit, wanted.iss, wanted.found, 0)
            await unit.one(
                ADD_ISSUER,
                name=draft.name,
                iss=wanted.iss,
                discovery=wanted.discovery,
                jwks=wanted.found.text if wanted.pinned else None,
                audience=wanted.audience,
                preset=wanted.preset,
                cached=None if wanted.pinned else wanted.found.text,
                cached_at=None if wanted.pinned else unit.now,
                made_by=caller.subject.actor,
                version=version,
            )
            await _note(
                unit, ChangeKind.ISSUER_ADDED, caller, origin, **_facts(draft.name, wanted.iss, wanted.audience)
            )

        await self._db.write(add)
        return _issuer(await _row(self._db, draft.name))

    async def change(
        self, caller: Identity, name: str, change: IssuerChange, *, expected: int | None = None, origin: Origin
    ) -> Issuer:
        """Give an issuer another audience, or a pinned one other keys. Raises `Denied`, `Unknown`, `Invalid`,
        `Conflict`; `Changed` unless its `changed` is `expected`."""
        require_administrator(caller, await circumstances_of(self._db, caller, origin))
        audience = None if change.audience is None else _text("audience", change.audience)
        found = None if change.jwks is None else _pinned(change.jwks)

        async def work(unit: Unit) -> None:
            version = await begin_change(unit, caller)
            row = await _row(unit, name)
            if expected is not None and row.changed != expected:
                raise Changed
            if found is not None:
                if row.jwks is None:
                    raise Invalid("jwks", "this issuer is asked for its keys: register it anew to pin them")
                await _check_apart(unit, row.iss, found, row.id)
            said = audience or row.audience
            jwks = row.jwks if found is None else found.text
            await unit.run(CHANGE_ISSUER, id=row.id, audience=said, jwks=jwks, version=version)
            await unit.run(TOUCH_RULES, issuer_id=row.id, version=version)
            await _note(unit, ChangeKind.ISSUER_CHANGED, caller, origin, **_facts(name, row.iss, said))

        await self._db.write(work)
        return _issuer(await _row(self._db, name))

    async def remove(self, caller: Identity, name: str, *, origin: Origin) -> None:
        """Remove an issuer with every rule that rests on it. Raises `Denied`, `Unknown`."""
        require_administrator(caller, await circumstances_of(self._db, caller, origin))

        async def work(unit: Unit) -> None:
            version = await begin_change(unit, caller)
            row = await _row(unit, name)
            rules = await unit.all(RULES_OF_ISSUER, issuer_id=row.id)
            await unit.run(END_ISSUER, id=row.id, version=version)
            await unit.run(END_RULES, issuer_id=row.id, version=version)
            for rule in rules:
                data: dict[str, object] = {"rule": rule.name, "namespace": rule.namespace, "robot": rule.robot}
                await note(
                    unit,
                    ChangeKind.FEDERATION_RULE_REMOVED,
                    actor=caller.subject.actor,
                    origin=origin,
                    data={**data, "issuer": name},
                )
            await _note(unit, ChangeKind.ISSUER_REMOVED, caller, origin, **_facts(name, row.iss, row.audience))

        await self._db.write(work)

    async def _looked_at(self, draft: IssuerDraft) -> _Wanted:
        """The draft with what it leaves open, and with its keys. Raises `Invalid`."""
        known = PRESETS.get(draft.preset or "")
        iss = _text("iss", draft.iss or (known.iss if known is not None else ""))
        preset = preset_of(draft.preset, iss)
        audience = _text("audience", self._settings.audience if draft.audience is None else draft.audience)
        if draft.jwks is not None:
            if draft.discovery is not None:
                raise Invalid("discovery", "with pinned keys nobody is asked: give one of the two")
            return _Wanted(iss, audience, preset, None, True, _pinned(draft.jwks))
        field = "iss" if draft.discovery is None else "discovery"
        try:
            await self._outbound.check_url(draft.discovery or iss)
            found = await self._keys.fetch(iss, draft.discovery)
        except (UrlRefused, KeysAway) as error:
            raise Invalid(field, f"its keys cannot be fetched: {error}") from error
        return _Wanted(iss, audience, preset, draft.discovery, False, found)


def require_manager(caller: Identity, here: Circumstances) -> None:
    """Raise `Denied` for who has nothing to do with rules."""
    if not manages_somewhere(caller, here):
        raise Denied(f"this needs '{Action.MANAGE_ACCESS}' somewhere", action=str(Action.MANAGE_ACCESS))


async def _row(reader: Reader, name: str) -> IssuerRow:
    row = await reader.one(ISSUER, name=name)
    if row is None:
        raise Unknown(f"there is no issuer {name[:_NAME_LIMIT]!r}")
    return row


async def _check_apart(reader: Reader, iss: str, found: Found, but: int) -> None:
    """Raise `Conflict` when another issuer of this `iss` has one of these keys: no token could tell the two apart."""
    own = {key.thumbprint for key in found.keys}
    for other in await reader.all(TRUSTED, iss=iss):
        row = await reader.one(KEYS, id=other.id)
        text = None if row is None or other.id == but else row.jwks or row.cached
        if text is not None and own & {key.thumbprint for key in keys_of(json.loads(text))}:
            raise Conflict(f"the issuer {other.name!r} has the same iss and one of these keys")


def _pinned(document: Mapping[str, Any]) -> Found:
    try:
        keys = keys_of(document, pinned=True)
        text = public_set(document)
    except ValueError as error:
        raise Invalid("jwks", str(error)) from error
    if len(text) > _SET_LIMIT:
        raise Invalid("jwks", f"a key set has at most {_SET_LIMIT} characters")
    return Found(keys, text)


def _text(field: str, text: str) -> str:
    if not 0 < len(text) <= _TEXT_LIMIT or not text.isascii() or not text.isprintable() or " " in text:
        raise Invalid(field, f"this has 1 to {_TEXT_LIMIT} printable ASCII characters without blanks")
    return text


def _issuer(row: IssuerRow) -> Issuer:
    text = row.jwks or row.cached
    return Issuer(
        row.id,
        row.name,
        row.iss,
        row.audience,
        row.preset,
        row.discovery,
        row.jwks is not None,
        tuple(_names(text)) if text is not None else (),
        None if row.jwks is not None else row.cached_at,
        row.rules,
        row.made_at,
        row.made_by,
        row.changed,
    )


def _names(text: str) -> Iterable[str]:
    return (str(entry.get("kid", "")) for entry in json.loads(text)["keys"])


def _facts(name: str, iss: str, audience: str) -> dict[str, object]:
    return {"issuer": name, "iss": iss, "audience": audience}


async def _note(unit: Unit, kind: ChangeKind, caller: Identity, origin: Origin, **data: object) -> None:
    await note(unit, kind, actor=caller.subject.actor, origin=origin, data=data, path="")
