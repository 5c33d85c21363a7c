"""Who may make, see and change webhooks, and what is kept of them; held against every engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.access.test_path_permit import allow
from tests.db.engines import ENGINES, Engine, make_engine
from tests.webhooks.place import House, run

from holdfast.access.errors import Conflict, Denied, Invalid, Unknown, WrongMasterKey
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Action, Effect, Grant, Grantee, GranteeKind
from holdfast.db.query import Query
from holdfast.journal.model import ChangeKind
from holdfast.webhooks import checking, model, store
from holdfast.webhooks.model import Change, Draft, Filter, Secrets, WebhookState
from holdfast.webhooks.vault import Vault

ME = Grantee(GranteeKind.ACCOUNT, 1, "user:me")
MAINTAINER = Rights("user:me", (allow("maintainer", "team/**"),), {})
OWNER = Rights("user:me", (allow("owner", "team/**"),), {})
SETTER = Rights("user:me", (Grant(1, Effect.ALLOW, ME, "setter", frozenset({Action.SETTINGS}), "team/**"),), {})
SECRET = "the-very-secret-word"


class Text(NamedTuple):
    text: str


EVERYTHING = Query("select data as text from journal union all select filter || target || why from webhook", Text)


@pytest.fixture(params=[each for each in ENGINES if each != "pgbouncer"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


def test_a_webhook_is_made_shown_changed_and_deleted(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        url = house.target.url + f"/{SECRET}?token={SECRET}"
        asked = Filter(("tag",), ("team/**",), ("v*",))
        made = await house.create("team", url=url, headers={"Authorization": SECRET}, filter=asked)
        id = made.webhook.id
        permit = house.permit()
        shown = await house.webhooks.show(permit, id)
        assert shown == made.webhook
        assert (shown.url, shown.headers) == (house.target.url + "/...", ("Authorization",))
        assert shown.name == "127.0.0.1"
        assert shown.filter == asked
        changed = await house.webhooks.change(permit, id, Change(name="new", tags=(), concurrency=9))
        assert (changed.name, changed.filter.tags, changed.concurrency) == ("new", (), 9)
        assert changed.filter.events == ("tag",)
        row = await house.db.one(store.ONE, id=id)
        assert row is not None
        vault = await house.webhooks._vault()
        assert vault.open(id, row.sealed) == Secrets(url, {"Authorization": SECRET}, (made.secret or "",))
        with pytest.raises(Conflict, match="called 'new'"):
            await house.create("team", name="new")
        await house.webhooks.delete(permit, id)
        with pytest.raises(Unknown):
            await house.webhooks.show(permit, id)
        await house.create("team", name="new")
        kinds = [kind for kind in await house.journal() if kind.startswith("webhook.")]
        assert kinds == ["webhook.created", "webhook.changed", "webhook.deleted", "webhook.created"]
        for row_text in await house.db.all(EVERYTHING):
            assert SECRET not in row_text.text
            assert "whsec_" not in row_text.text

    run(engine, scenario)


def test_headers_of_one_target_never_go_to_another(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        made = await house.create("", headers={"Authorization": SECRET})
        permit = house.permit()
        other = house.target.url.replace("127.0.0.1", "127.0.0.2") + "/hook"
        with pytest.raises(Invalid, match="give its headers anew"):
            await house.webhooks.change(permit, made.webhook.id, Change(url=other))
        await house.webhooks.change(permit, made.webhook.id, Change(url=house.target.url + "/elsewhere"))
        await house.webhooks.change(permit, made.webhook.id, Change(url=other, headers={}))
        assert (await house.webhooks.show(permit, made.webhook.id)).headers == ()

    run(engine, scenario)


def test_a_rotation_lets_both_secrets_sign_for_a_while(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        made = await house.create("")
        permit = house.permit()
        fresh = await house.webhooks.rotate(permit, made.webhook.id, 3600 * model.SECOND)
        assert made.secret is not None
        assert fresh.secret is not None
        assert fresh.webhook.old_until is not None
        await house.deliveries.test(permit, made.webhook.id)
        house.clock.forward(3601 * model.SECOND)
        await house.deliveries.test(permit, made.webhook.id)
        last = await house.webhooks.rotate(permit, made.webhook.id, 0)
        assert last.secret is not None
        await house.deliveries.test(permit, made.webhook.id)
        secrets = (made.secret, fresh.secret, last.secret)
        signed = [[each.signed_by(secret) for secret in secrets] for each in house.target.seen]
        assert signed == [[True, True, False], [False, True, False], [False, False, True]]

    run(engine, scenario)


def test_unsigned_is_unsigned(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        made = await house.create("", signed=False)
        assert made.secret is None
        await house.deliveries.test(house.permit(), made.webhook.id)
        assert "webhook-signature" not in house.target.seen[0].headers
        assert house.target.seen[0].id

    run(engine, scenario)


def test_who_may_what(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        url = house.target.url
        with pytest.raises(Denied):
            await house.webhooks.create(house.permit("", MAINTAINER), Draft(path="", url=url))
        audited = Draft(path="team", url=url, filter=Filter(("login.failed",)))
        with pytest.raises(Denied, match="read-audit"):
            await house.webhooks.create(house.permit("team", MAINTAINER), audited)
        running = Draft(path="team", url=url, filter=Filter(("backup",)))
        with pytest.raises(Denied, match="operate"):
            await house.webhooks.create(house.permit("team", MAINTAINER), running)
        with pytest.raises(Denied, match="list"):
            await house.webhooks.create(house.permit("team", SETTER), Draft(path="team", url=url))
        audits = await house.create("team", name="audits", filter=Filter(("login",)))
        images = await house.create("team", name="images")
        other = await house.create("other")
        maintainer, owner = house.permit("", MAINTAINER), house.permit("", OWNER)
        assert [each.name for each in await house.webhooks.list(maintainer, None, 0, 9)] == ["audits", "images"]
        assert await house.webhooks.list(maintainer, "other", 0, 9) == []
        with pytest.raises(Unknown):
            await house.webhooks.show(maintainer, other.webhook.id)
        for refused in (
            house.webhooks.change(maintainer, audits.webhook.id, Change(url=url)),
            house.webhooks.change(maintainer, images.webhook.id, Change(events=("login",))),
            house.webhooks.rotate(maintainer, audits.webhook.id, 0),
            house.deliveries.test(maintainer, audits.webhook.id),
            house.deliveries.list(maintainer, audits.webhook.id, None, 1 << 62, 9),
        ):
            with pytest.raises(Denied, match="read-audit"):
                await refused
        assert await house.deliveries.list(owner, audits.webhook.id, None, 1 << 62, 9) == []
        stopped = await house.webhooks.set_enabled(maintainer, audits.webhook.id, enabled=False)
        assert stopped.state is WebhookState.DISABLED

    run(engine, scenario)


def test_only_so_many(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        for n in range(model.MOST_OF_PATH):
            await house.create("team", name=f"n{n}")
        with pytest.raises(Conflict, match="a path has at most 20"):
            await house.create("team", name="one-more")
        await house.create("team/app", name="n0")

    run(engine, scenario)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("url", {"url": "http://10.0.0.1/"}),
        ("url", {"url": "ftp://192.0.2.1/"}),
        ("url", {"url": "https://user:word@127.0.0.1/"}),
        ("shape", {"shape": "smoke"}),
        ("template", {"shape": "template"}),
        ("template", {"template": "{}"}),
        ("template", {"shape": "template", "template": "{${nothing}}"}),
        ("events", {"filter": Filter(("nothing",))}),
        ("events", {"filter": Filter(("quota.changed",)), "shape": "docker-hub"}),
        ("repositories", {"filter": Filter((), ("Team",))}),
        ("tags", {"filter": Filter((), (), ("a b",))}),
        ("tags", {"filter": Filter((), (), tuple(f"t{n}" for n in range(51)))}),
        ("headers", {"headers": {"Host": "x"}}),
        ("headers", {"headers": {"webhook-id": "x"}}),
        ("headers", {"headers": {"X": "a\r\nb"}}),
        ("headers", {"headers": {"X": "a" * 5000}}),
        ("headers", {"headers": {"X": "a", "x": "b"}}),
        ("name", {"name": "a b"}),
        ("concurrency", {"concurrency": 0}),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, field: str, given: dict[str, Any]) -> None:
    async def scenario(house: House) -> None:
        with pytest.raises(Invalid) as caught:
            await house.create("", **given)
        assert caught.value.field == field

    run(make_engine(ENGINES[0], tmp_path), scenario)


def test_every_kind_of_event_needs_something() -> None:
    for kind in ChangeKind:
        sights = checking.sights_of([kind])
        assert checking.within(kind, sights)
        assert bin(sights).count("1") == 1
        assert checking.kinds_of([str(kind).partition(".")[0]]) >= {kind}


def test_what_was_sealed_opens_in_its_own_row_only() -> None:
    vault = Vault(bytes(32))
    secrets = Secrets("https://a.example", {"a": "b"}, ("whsec_x",))
    sealed = vault.seal(1, secrets)
    assert vault.open(1, sealed) == secrets
    assert vault.seal(1, secrets) != sealed
    for id, text in ((2, sealed), (1, sealed[:-1] + bytes([sealed[-1] ^ 1]))):
        with pytest.raises(WrongMasterKey):
            vault.open(id, text)
    assert json.dumps(secrets.url) not in repr(sealed)
