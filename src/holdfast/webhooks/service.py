"""`Webhooks`: who is told of what happens at a path, and changing that.

Promises: seeing and changing a webhook needs `settings` on the whole of its path, and beside that whatever being told
of its events needs, on the whole of its path, for it tells them to whoever its owner names; its URL was looked at
before it is stored; secrets are told once, when they are made; every change is in the journal, without secrets. What is
out of sight is answered as what is not there. Raises besides what is named: `Invalid`, `Denied`, `StalePermit`,
`holdfast.db.errors`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.master import MasterKey
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit, check_reading
from holdfast.db.port import Database, Reader, Unit
from holdfast.jobs.schedule import begin
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import note
from holdfast.registry.namespaces.sight import checked
from holdfast.remote.errors import UrlRefused
from holdfast.remote.outbound import Outbound
from holdfast.webhooks import checking, delivery_store, model, store
from holdfast.webhooks.model import Change, Draft, Secrets, Shown, Webhook, WebhookState
from holdfast.webhooks.schedules import DELIVERING, FORGETTING
from holdfast.webhooks.shapes import catalogue
from holdfast.webhooks.signature import new_secret
from holdfast.webhooks.vault import Vault, open_vault

_PAGE = 200


class Webhooks:
    """The webhooks of one installation. `targets`: looks at URLs before they are stored."""

    def __init__(self, db: Database, master: MasterKey, targets: Outbound) -> None:
        self._db = db
        self._master = master
        self._targets = targets
        self._opened: Vault | None = None

    async def create(self, permit: PathPermit, draft: Draft) -> Shown:
        """Make a webhook. Raises `Conflict`."""
        path = checked(permit.path)
        permit.require_all(Action.SETTINGS, path)
        checked_draft = checking.check(replace(draft, path=path))
        sights = checking.sights_of(checked_draft.filter.events)
        checking.require_sights(permit, path, sights)
        await self._look_at(checked_draft.url)
        vault = await self._vault()
        live = (new_secret(),) if checked_draft.signed else ()

        async def work(unit: Unit) -> int:
            await check_permit(unit, permit)
            await _require_room(unit, path)
            await _require_free(unit, path, checked_draft.name)
            made = await unit.one(
                store.NEW,
                sealed=b"",
                signed=int(checked_draft.signed),
                made_by=permit.subject.actor,
                sights=sights,
                **_columns(checked_draft),
            )
            assert made is not None
            secrets = Secrets(checked_draft.url, checked_draft.headers, live)
            await unit.run(store.SEAL, id=made.id, sealed=vault.seal(made.id, secrets))
            await begin(unit, DELIVERING)
            await _note(unit, ChangeKind.WEBHOOK_CREATED, permit, made.id, checked_draft)
            return made.id

        id = await self._db.write(work)
        return Shown(await self.show(permit, id), live[0] if live else None)

    async def show(self, permit: PathPermit, id: int) -> Webhook:
        """One webhook. Raises `Unknown`."""
        return (await self._shown([await self.row(permit, id)]))[0]

    async def list(self, permit: PathPermit, path: str | None, after: int, limit: int) -> Sequence[Webhook]:
        """Webhooks that the caller may see, by their numbers; of one path, or of all (None)."""

        async def page(at: int) -> Sequence[store.WebhookRow]:
            if path is None:
                return await self._db.all(store.PAGE, after=at, limit=_PAGE)
            return await self._db.all(store.PAGE_OF, path=path, after=at, limit=_PAGE)

        return await self._shown(await self._seen(permit, page, after, limit))

    async def before(self, permit: PathPermit, before: int, limit: int) -> Sequence[Webhook]:
        """The last of those webhooks that the caller may see which stand before a number, by their numbers."""

        async def page(at: int) -> Sequence[store.WebhookRow]:
            return await self._db.all(store.PAGE_BEFORE, before=at, limit=_PAGE)

        return (await self._shown(await self._seen(permit, page, before, limit)))[::-1]

    async def of_repository(self, path: str) -> bool:
        """Whether there is a repository at a path, not only a namespace."""
        return await self._db.one(store.REPOSITORY, path=path) is not None

    async def _seen(
        self, permit: PathPermit, page: Callable[[int], Awaitable[Sequence[store.WebhookRow]]], at: int, limit: int
    ) -> Sequence[store.WebhookRow]:
        """The first rows beyond a number that the caller may see."""
        found: list[store.WebhookRow] = []
        seen: dict[str, bool] = {}
        while len(found) < limit:
            rows = await page(at)
            for row in rows:
                if row.path not in seen:
                    seen[row.path] = not permit.lacks(Action.SETTINGS, row.path)
                if seen[row.path]:
                    found.append(row)
            if len(rows) < _PAGE:
                break
            at = rows[-1].id
        await check_reading(self._db, permit)
        return found[:limit]

    async def row(self, permit: PathPermit, id: int, *, told: bool = False) -> store.WebhookRow:
        """The row of a webhook that the caller may see; `told`: and of whose events he may be told. Raises
        `Unknown`."""
        row = await self._db.one(store.ONE, id=id)
        await check_reading(self._db, permit)
        if row is None or permit.lacks(Action.SETTINGS, row.path):
            raise _unknown(id)
        if told:
            checking.require_sights(permit, row.path, row.sights)
        return row

    async def barred(self, permit: PathPermit, id: int) -> str:
        """Why the caller may see a webhook, but not what it is told of; '' where he may. Raises `Unknown`."""
        row = await self.row(permit, id)
        try:
            checking.require_sights(permit, row.path, row.sights)
        except Denied as error:
            return str(error)
        return ""

    async def change(self, permit: PathPermit, id: int, change: Change) -> Webhook:
        """Change a webhook; what waits for it goes on as it is then. Raises `Unknown`, `Conflict`."""
        row = await self.row(permit, id, told=True)
        vault = await self._vault()
        _require_headers_anew(vault.open(id, row.sealed), change)
        draft = checking.check(_changed(row, vault.open(id, row.sealed), change))
        sights = checking.sights_of(draft.filter.events)
        checking.require_sights(permit, row.path, sights)
        if change.url is not None:
            await self._look_at(draft.url)

        async def work(unit: Unit, held: store.WebhookRow) -> None:
            if held.changed != row.changed:
                raise Conflict("somebody changed this webhook in the same moment: look at it again")
            if draft.name != held.name:
                await _require_free(unit, held.path, draft.name)
            sealed = vault.seal(id, Secrets(draft.url, draft.headers, vault.open(id, held.sealed).live))
            columns = _columns(draft)
            del columns["path"]
            await unit.run(store.CHANGE, id=id, sealed=sealed, sights=sights, **columns)
            await _note(unit, ChangeKind.WEBHOOK_CHANGED, permit, id, draft)

        await self._with(permit, id, work)
        return await self.show(permit, id)

    async def rotate(self, permit: PathPermit, id: int, overlap: int) -> Shown:
        """Give a webhook a new secret; for `overlap` microseconds the one before signs, too. Raises `Unknown`."""
        if not 0 <= overlap <= model.MOST_OVERLAP:
            raise Invalid("overlap", "at most 30 days")
        await self.row(permit, id, told=True)
        vault = await self._vault()
        fresh = new_secret()

        async def work(unit: Unit, held: store.WebhookRow) -> None:
            secrets = vault.open(id, held.sealed)
            before = secrets.live[:1] if overlap else ()
            sealed = vault.seal(id, secrets._replace(live=(fresh, *before)))
            until = unit.now + overlap if before else None
            await unit.run(store.ROTATE, id=id, sealed=sealed, old_until=until)
            await _note_row(unit, ChangeKind.WEBHOOK_ROTATED, permit, held, overlap_s=overlap // model.SECOND)

        await self._with(permit, id, work)
        return Shown(await self.show(permit, id), fresh)

    async def set_enabled(self, permit: PathPermit, id: int, *, enabled: bool) -> Webhook:
        """Let a webhook be told of events, or not; enabling also closes its circuit. Raises `Unknown`."""
        await self.row(permit, id, told=enabled)
        state = WebhookState.ENABLED if enabled else WebhookState.DISABLED
        why = "" if enabled else f"disabled by {permit.subject.actor}"

        async def work(unit: Unit, held: store.WebhookRow) -> None:
            await unit.run(store.SET_STATE, id=id, state=int(state), why=why)
            if enabled:
                await begin(unit, DELIVERING)
            if held.state != state:
                kind = ChangeKind.WEBHOOK_ENABLED if enabled else ChangeKind.WEBHOOK_DISABLED
                await _note_row(unit, kind, permit, held)

        await self._with(permit, id, work)
        return await self.show(permit, id)

    async def delete(self, permit: PathPermit, id: int) -> None:
        """Delete a webhook and what waits for it. Raises `Unknown`."""
        await self.row(permit, id)

        async def work(unit: Unit, held: store.WebhookRow) -> None:
            await unit.run(store.DELETE, id=id, sealed=b"")
            await begin(unit, FORGETTING)
            await _note_row(unit, ChangeKind.WEBHOOK_DELETED, permit, held)

        await self._with(permit, id, work)

    async def _with(
        self, permit: PathPermit, id: int, work: Callable[[Unit, store.WebhookRow], Awaitable[None]]
    ) -> None:
        """Run `work` in a unit with the webhook held. Raises `Unknown`."""

        async def held(unit: Unit) -> None:
            await check_permit(unit, permit)
            row = await unit.one(store.HELD, id=id)
            if row is None:
                raise _unknown(id)
            await work(unit, row)
            await unit.notify(model.CHANNEL)

        await self._db.write(held)

    async def _shown(self, rows: Sequence[store.WebhookRow]) -> Sequence[Webhook]:
        if not rows:
            return []
        vault = await self._vault()
        now = self._db.now()
        counted = await self._db.all(
            delivery_store.STANDING,
            rows=json.dumps([[row.id] for row in rows]),
            limit=model.COUNTED,
            ping=model.FIRST_PING,
            since=now - model.LATELY,
        )
        standing = {each.webhook_id: each for each in counted}
        return [_webhook(row, vault.open(row.id, row.sealed), standing[row.id], now) for row in rows]

    async def _look_at(self, url: str) -> None:
        try:
            await self._targets.check_url(url)
        except UrlRefused as error:
            raise Invalid("url", str(error)) from error

    async def _vault(self) -> Vault:
        if self._opened is None:
            self._opened = await open_vault(self._db, self._master)
        return self._opened


def _webhook(row: store.WebhookRow, secrets: Secrets, standing: delivery_store.StandingRow, now: int) -> Webhook:
    return Webhook(
        row.id,
        row.path,
        row.name,
        checking.shown_url(secrets.url),
        row.shape,
        checking.read(row.filter),
        tuple(secrets.headers),
        row.template,
        row.content_type,
        row.signed,
        row.old_until if row.old_until is not None and row.old_until > now else None,
        row.concurrency,
        WebhookState(row.state),
        row.why,
        row.failing_since,
        row.probe_at,
        row.paused_until if row.paused_until is not None and row.paused_until > now else None,
        standing.waiting,
        standing.delivered,
        standing.given_up,
        row.made_at,
        row.made_by,
    )


def _changed(row: store.WebhookRow, secrets: Secrets, change: Change) -> Draft:
    """What the webhook is to be."""
    was = checking.read(row.filter)
    shape = row.shape if change.shape is None else change.shape
    kept = None if shape != catalogue.TEMPLATE else row.template
    return Draft(
        path=row.path,
        url=secrets.url if change.url is None else change.url,
        name=row.name if change.name is None else change.name,
        shape=shape,
        filter=model.Filter(
            was.events if change.events is None else change.events,
            was.repositories if change.repositories is None else change.repositories,
            was.tags if change.tags is None else change.tags,
        ),
        headers=secrets.headers if change.headers is None else change.headers,
        template=kept if change.template is None else change.template,
        content_type=row.content_type if change.content_type is None else change.content_type,
        signed=row.signed,
        concurrency=row.concurrency if change.concurrency is None else change.concurrency,
    )


def _require_headers_anew(secrets: Secrets, change: Change) -> None:
    """Raise `Invalid` where the headers of one target would be sent to another (rule 21)."""
    if change.url is None or change.headers is not None or not secrets.headers:
        return
    if urlsplit(change.url)[:2] != urlsplit(secrets.url)[:2]:
        raise Invalid("headers", "this is another target: give its headers anew; those of the old one stay its own")


def _columns(draft: Draft) -> dict[str, object]:
    return {
        "path": draft.path,
        "name": draft.name,
        "target": _target(draft.url),
        "shape": draft.shape,
        "filter": checking.written(draft.filter),
        "template": draft.template,
        "content_type": draft.content_type,
        "concurrency": draft.concurrency,
    }


def _target(url: str) -> str:
    return urlsplit(url).netloc


async def _require_room(unit: Reader, path: str) -> None:
    for most, query, of in (
        (model.MOST_OF_PATH, partial(unit.one, store.COUNT_OF, path=path), "a path"),
        (model.MOST_WEBHOOKS, partial(unit.one, store.COUNT), "an installation"),
    ):
        count = await query()
        if count is not None and count.total >= most:
            raise Conflict(f"{of} has at most {most} webhooks")


async def _require_free(unit: Reader, path: str, name: str) -> None:
    if await unit.one(store.NAMED, path=path, name=name) is not None:
        raise Conflict(f"this path has a webhook called {name!r}: give another name")


async def _note(unit: Unit, kind: ChangeKind, permit: PathPermit, id: int, draft: Draft) -> None:
    data: dict[str, object] = {
        "webhook": id,
        "name": draft.name,
        "path": draft.path,
        "target": _target(draft.url),
        "shape": draft.shape,
        "events": list(draft.filter.events),
    }
    await note(unit, kind, actor=permit.subject.actor, origin=permit.origin, data=data, path=draft.path)


async def _note_row(unit: Unit, kind: ChangeKind, permit: PathPermit, row: store.WebhookRow, **more: object) -> None:
    data: dict[str, object] = {"webhook": row.id, "name": row.name, "path": row.path, "target": row.target, **more}
    await note(unit, kind, actor=permit.subject.actor, origin=permit.origin, data=data, path=row.path)


def _unknown(id: int) -> Unknown:
    return Unknown(f"there is no webhook {id} in your sight")
