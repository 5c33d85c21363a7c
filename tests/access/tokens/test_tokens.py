"""Access and refresh tokens, scopes, and the keys that sign: what clients and others who read a token get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, KeySet
from tests.access.house import ENGINES, HERE, SECOND, Engine
from tests.access.tokens.place import INSTALLATION, Desk, at_desk, basic, bearer, opened

from holdfast.access.errors import InsufficientScope, Invalid, Unauthenticated, WrongMasterKey
from holdfast.access.model import Credential, CredentialKind, Recognised, ScopeEntry
from holdfast.access.tokens.keys import SigningKeys
from holdfast.access.tokens.refresh import is_secret, new_secret
from holdfast.access.tokens.scope import parse_scopes, scope_text
from holdfast.db.query import Query
from holdfast.oci.name import RepositoryName


class Kept(NamedTuple):
    """What is kept of a refresh token."""

    hash: bytes
    client: str


GOOD = basic("admin", "correct-horse-battery")
APP = RepositoryName.parse("team/app")


def entry(kind: str, name: str, *actions: str) -> ScopeEntry:
    return ScopeEntry(kind, name, frozenset(actions))


SCOPES: list[tuple[list[str], tuple[ScopeEntry, ...]]] = [
    ([], ()),
    ([""], ()),
    (["repository:a/b:pull"], (entry("repository", "a/b", "pull"),)),
    (["repository:a:pull,push"], (entry("repository", "a", "pull", "push"),)),
    (["repository:a:pull repository:b:push"], (entry("repository", "a", "pull"), entry("repository", "b", "push"))),
    (["repository:a:pull", "repository:a:push"], (entry("repository", "a", "pull", "push"),)),
    (["repository(plugin):a:pull"], (entry("repository", "a", "pull"),)),
    (["repository:host:5000/a:pull"], (entry("repository", "host:5000/a", "pull"),)),
    (["repository:a:*"], (entry("repository", "a", "*"),)),
    (["repository:a:"], (entry("repository", "a"),)),
    (["registry:catalog:*"], (entry("registry", "catalog", "*"),)),
    (["aws:thing:do"], (entry("aws", "thing", "do"),)),
]


@pytest.mark.parametrize(("texts", "wanted"), SCOPES, ids=lambda value: str(value)[:40])
def test_scopes_are_read(texts: list[str], wanted: tuple[ScopeEntry, ...]) -> None:
    assert parse_scopes(texts) == wanted
    assert parse_scopes(map(scope_text, wanted)) == wanted


@pytest.mark.parametrize(
    "text",
    ["a", "a:b", ":a:pull", "repository::pull", "repository:a b", 'repository:"a":pull', "repository:a:p,,q", "é:a:b"],
)
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_scopes([text])


def test_scopes_are_bounded() -> None:
    assert len(parse_scopes(f"repository:a{n}:pull" for n in range(64))) == 64
    for texts in ([f"repository:a{n}:pull" for n in range(65)], ["repository:" + "a" * 600 + ":pull"]):
        with pytest.raises(Invalid):
            parse_scopes(texts)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_token_lists_what_was_asked_for_and_what_is_granted(tmp_path: Path, engine: Engine) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.house.person("alice", "a-password-of-alice-1")
        await desk.house.grant("alice", "writer", "team/**")
        await desk.house.grant("alice", "reader", "other/**")
        who = await desk.by(basic("alice", "a-password-of-alice-1"))
        asked = ["repository:team/app:*", "repository:other/app:pull,push", "repository:hidden:pull,push,delete"]
        issued = await desk.token(who, *asked, "registry:catalog:*", "registry:management:*", "other:thing:do")
        _, claims, _ = opened(issued.token)
        assert claims["access"] == [
            {"type": "repository", "name": "team/app", "actions": ["pull", "push"]},
            {"type": "repository", "name": "other/app", "actions": ["pull"]},
            {"type": "repository", "name": "hidden", "actions": []},
            {"type": "registry", "name": "catalog", "actions": ["*"]},
            {"type": "registry", "name": "management", "actions": ["*"]},
            {"type": "other", "name": "thing", "actions": []},
        ]
        now = desk.house.clock() // SECOND
        assert (claims["iss"], claims["aud"], claims["sub"]) == (INSTALLATION, "registry.example.com", "alice")
        assert (claims["iat"], claims["nbf"], claims["exp"]) == (now, now, now + 300)
        assert (issued.expires_in, issued.issued_at) == (300, now * SECOND)

    at_desk(tmp_path, scenario, engine)


def test_a_token_tells_nobody_whether_what_is_hidden_is_there(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.house.run("insert into repository (path, born, seq, last_at) values ('hidden/a', 1, 1, 1)")
        await desk.house.person("alice", "a-password-of-alice-1")
        await desk.house.grant("alice", "writer", "team/**")
        who = await desk.by(basic("alice", "a-password-of-alice-1"))
        tokens = [(await desk.token(who, f"repository:{name}:pull,push")).token for name in ("hidden/a", "hidden/b")]
        assert len({len(token) for token in tokens}) == 1
        for token in tokens:
            found = await desk.tokens.verify(token.encode(), await desk.access.policy_version())
            assert found.ceiling is not None
            assert [each.repository_id for each in found.ceiling] == [0]

    at_desk(tmp_path, scenario)


def test_a_token_has_a_size_that_clients_can_send(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        who = await desk.by(GOOD)
        header = await desk.bearer(who, *(f"repository:{'a' * 60}/{n}:pull,push" for n in range(64)))
        assert (await desk.other.by(header)).subject.name == "admin"
        with pytest.raises(Invalid):
            await desk.token(who, *(f"repository:{'a' * 240}/{n}:pull,push" for n in range(64)))

    at_desk(tmp_path, scenario)


def test_a_token_is_a_ceiling(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        admin = await desk.by(GOOD)
        reading = await desk.by(await desk.bearer(admin, "repository:team/app:pull"))
        assert not desk.access.pull(reading, APP, HERE).may_push
        for asked, scope in (
            (lambda: desk.access.push(reading, APP, HERE), "repository:team/app:pull,push"),
            (lambda: desk.access.delete(reading, APP, HERE), "repository:team/app:delete"),
            (lambda: desk.access.pull(reading, RepositoryName.parse("team"), HERE), "repository:team:pull"),
            (lambda: desk.access.catalog(reading, HERE), "registry:catalog:*"),
        ):
            with pytest.raises(InsufficientScope) as refused:
                asked()
            assert refused.value.scope == scope
        pushing = await desk.by(await desk.bearer(admin, "repository:team/app:push"))
        assert desk.access.push(pushing, APP, HERE).pull.nothing
        with pytest.raises(InsufficientScope):
            desk.access.pull(pushing, APP, HERE)
        everything = await desk.by(await desk.bearer(admin, "repository:team/app:*", "registry:catalog:*"))
        assert desk.access.pull(everything, APP, HERE).may_push
        desk.access.delete(everything, APP, HERE)
        desk.access.catalog(everything, HERE)

    at_desk(tmp_path, scenario)


def test_nobody_gets_a_token_that_is_nobodys(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        issued = await desk.token(await desk.by(None), "repository:team/app:pull", client="docker")
        assert issued.refresh is None
        assert opened(issued.token)[1]["sub"] == ""
        who = await desk.other.by(bearer(issued.token))
        assert (who.subject.id, who.ceiling is None) == (0, False)

    at_desk(tmp_path, scenario)


def test_a_machines_token_carries_its_claims_and_buys_no_refresh_token(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        made = await desk.house.robots.create(await desk.house.admin(), "team", "ci", origin=HERE)
        await desk.house.run(
            "insert into issuer (name, iss, audience, made_at, made_by, changed) values ('ci', 'x', 'y', 1, 'z', 0)"
        )
        await desk.house.run(
            "insert into federation_rule (namespace, name, issuer_id, robot_id, claims, made_at, made_by, changed)"
            " values ('team', 'r', 1, :robot, '{}', 1, 'z', 0)",
            robot=made.id,
        )
        claims = {"ref": "refs/tags/v1"}
        desk.machines.known["eyJ.b.c"] = Recognised(made.id, Credential(CredentialKind.FEDERATION, 1, claims))
        who = await desk.by(basic("whatever", "eyJ.b.c"))
        issued = await desk.token(who, "repository:team/app:pull", client="docker")
        assert issued.refresh is None
        holder = await desk.other.by(bearer(issued.token))
        assert holder.credential.claims == claims
        assert holder.subject.actor == "robot:team+ci"
        await desk.house.run("update federation_rule set gone_at = 1")
        await desk.house.run("update policy set version = version + 1")
        with pytest.raises(Unauthenticated):
            await desk.other.by(bearer(issued.token))
        many = Credential(CredentialKind.FEDERATION, 1, {"a": "b" * 9000})
        with pytest.raises(Invalid):
            await desk.tokens.issue(msgspec.structs.replace(who, credential=many), (), "")

    at_desk(tmp_path, scenario)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_new_key_is_published_before_it_signs_and_the_old_one_believed_after(tmp_path: Path, engine: Engine) -> None:
    async def scenario(desk: Desk) -> None:
        async def kids() -> list[str]:
            desk.house.clock.at += SECOND
            return [str(key["kid"]) for key in await desk.other.keys.published()]

        (first,) = await kids()
        before = bearer((await desk.token(await desk.by(GOOD))).token)
        second = await desk.keys.rotate(actor="system", origin=HERE)
        assert await kids() == [first, second]
        assert opened((await desk.token(await desk.by(GOOD))).token)[0]["kid"] == first
        desk.house.clock.at += 290 * SECOND
        late = bearer((await desk.token(await desk.by(GOOD))).token)
        desk.house.clock.at += 40 * SECOND
        after = (await desk.other.token(await desk.by(GOOD))).token
        assert opened(after)[0]["kid"] == second
        desk.house.clock.at += 200 * SECOND
        for node in desk.nodes:
            assert (await node.by(late)).subject.name == "admin", "what the old one signed last is good to its end"
        desk.house.clock.at += 600 * SECOND
        assert await kids() == [second]
        with pytest.raises(Unauthenticated):
            await desk.by(before)

    at_desk(tmp_path, scenario, engine)


def test_others_verify_a_token_by_the_published_keys(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.keys.rotate(actor="system", origin=HERE)
        token = (await desk.token(await desk.by(GOOD), "repository:team/app:pull")).token
        published = json.loads(json.dumps(await desk.access.published_keys()))
        assert all("d" not in key for key in published)
        keys = KeySet([ECKey.import_key(key) for key in published])
        assert json.loads(jws.deserialize_compact(token, keys, algorithms=["ES256"]).payload)["sub"] == "admin"

    at_desk(tmp_path, scenario)


def test_a_private_key_opens_under_its_own_name_and_key_only(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        with pytest.raises(WrongMasterKey):
            await SigningKeys(desk.house.db, bytes(32)).signing()
        await desk.house.run("update signing_key set kid = 'another'")
        with pytest.raises(WrongMasterKey):
            await SigningKeys(desk.house.db, bytes([1]) * 32).signing()

    at_desk(tmp_path, scenario)


def test_a_refresh_token_stands_nowhere_in_clear(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        issued = await desk.token(await desk.by(GOOD), client="docker\nlogin\x1b[0m")
        assert issued.refresh is not None
        (row,) = await desk.house.db.all(Query("select hash, client from refresh_token", Kept))
        assert issued.refresh.encode() not in row.hash
        assert row.client == "docker?login?[0m"

    at_desk(tmp_path, scenario)


def test_refresh_tokens_are_well_formed_or_cost_nothing() -> None:
    secret = new_secret()
    assert len({new_secret() for _ in range(100)}) == 100
    assert is_secret(secret)
    altered = secret[:10] + ("A" if secret[10] != "A" else "B") + secret[11:]
    for wrong in (
        "",
        "hfr_",
        secret[:-1],
        secret + "a",
        altered,
        secret.upper(),
        "hf_" + secret[4:],
        "hfr_" + "é" * 46,
    ):
        assert not is_secret(wrong)


def test_an_account_has_so_many_refresh_tokens_and_its_clients_keep_their_passwords_then(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        who = await desk.by(GOOD)
        await desk.house.run(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)"
            " insert into refresh_token (account_id, hash, service, client, made_at, expires_at, changed)"
            " select :id, cast(i as blob), '', '', 1, :end, 0 from n",
            id=who.subject.id,
            end=desk.house.clock() + 100,
        )
        assert await desk.refresh.issue(who, "docker", HERE) is None
        desk.house.clock.at += 101
        assert await desk.refresh.issue(who, "docker", HERE) is not None

    at_desk(tmp_path, scenario)
