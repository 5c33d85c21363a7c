"""What ends ends at the next request, on every node and both engines: whatever was made of it (rule 13)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.access.house import DAY, ENGINES, HERE, Engine
from tests.access.tokens.place import Desk, Node, at_desk, basic, bearer

from holdfast.access.errors import Denied, InsufficientScope, Unauthenticated
from holdfast.access.grants.groups import Groups
from holdfast.access.grants.model import NewGrant
from holdfast.access.grants.roles import Roles
from holdfast.access.grants.service import Grants
from holdfast.access.grants.visibility import Visibility
from holdfast.access.keys.model import Asked
from holdfast.access.model import Identity
from holdfast.db.port import Unit
from holdfast.db.query import Command
from holdfast.oci.name import RepositoryName

APP = RepositoryName.parse("team/app")
PULL = "repository:team/app:pull"
SECRET = "a-password-of-alice-1"
OWN = "the-next-password-of-alice"
ADD_REPOSITORY = Command("insert into repository (path, born, seq, last_at) values (:path, :now, 1, :now)")
Way = Callable[[Desk], Awaitable["Client"]]


class Client:
    """A client that goes on with what it logged in with: a header, or a refresh token."""

    def __init__(self, header: bytes, refresh: str | None = None) -> None:
        self.header = header
        self.refresh = refresh

    async def at(self, node: Node) -> Identity:
        """Who this client is at a request to `node`."""
        if self.refresh is not None:
            return await node.access.by_refresh_token(self.refresh, HERE)
        return await node.by(self.header)

    async def pulls(self, node: Node) -> str:
        """What a pull of `team/app` at `node` comes to."""
        try:
            node.access.pull(await self.at(node), APP, HERE)
        except Unauthenticated:
            return "unauthenticated"
        except Denied:
            return "denied"
        except InsufficientScope:
            return "insufficient scope"
        return "pulled"


async def with_password(desk: Desk) -> Client:
    return Client(basic("alice", SECRET))


async def with_token(desk: Desk) -> Client:
    return Client(await desk.bearer(await desk.by(basic("alice", SECRET)), PULL))


async def with_refresh(desk: Desk) -> Client:
    issued = await desk.token(await desk.by(basic("alice", SECRET)), PULL, client="docker")
    assert issued.refresh is not None
    return Client(b"", issued.refresh)


async def with_refreshed_token(desk: Desk) -> Client:
    who = await (await with_refresh(desk)).at(desk)
    return Client(await desk.bearer(who, PULL))


async def key_secret(desk: Desk) -> str:
    who = await desk.by(basic("alice", SECRET))
    return (await desk.house.keychain.create(who, "laptop", origin=HERE)).secret


async def with_key(desk: Desk) -> Client:
    return Client(basic("alice", await key_secret(desk)))


async def with_token_of_key(desk: Desk) -> Client:
    return Client(await desk.bearer(await desk.by((await with_key(desk)).header), PULL))


async def with_refresh_of_key(desk: Desk) -> Client:
    issued = await desk.token(await desk.by((await with_key(desk)).header), PULL, client="docker")
    assert issued.refresh is not None
    return Client(b"", issued.refresh)


async def with_refreshed_token_of_key(desk: Desk) -> Client:
    return Client(await desk.bearer(await (await with_refresh_of_key(desk)).at(desk), PULL))


OF_PASSWORD: dict[str, Way] = {
    "Basic": with_password,
    "bearer": with_token,
    "refresh": with_refresh,
    "bearer of a refresh token": with_refreshed_token,
}
OF_KEY: dict[str, Way] = {
    "key": with_key,
    "bearer of a key": with_token_of_key,
    "refresh of a key": with_refresh_of_key,
    "bearer of a refresh token of a key": with_refreshed_token_of_key,
}
ALL = {**OF_PASSWORD, **OF_KEY}


class Place:
    """Alice, who pulls by a grant of her own, of a group, or of a custom role."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.house = desk.house
        self.grants = Grants(desk.house.db)
        self.groups = Groups(desk.house.db)
        self.roles = Roles(desk.house.db)
        self.visibility = Visibility(desk.house.db)

    async def admin(self) -> Identity:
        return await self.house.admin()

    async def alice(self) -> None:
        await self.house.users.create(await self.admin(), "alice", password=SECRET, origin=HERE)

    async def by_grant(self, role: str = "reader") -> int:
        kept = await self.grants.add(await self.admin(), NewGrant("user:alice", "team/**", role), origin=HERE)
        return kept.grant.id

    async def by_group(self) -> None:
        await self.groups.create(await self.admin(), "devs", origin=HERE)
        await self.groups.add(await self.admin(), "devs", "user:alice", origin=HERE)
        await self.grants.add(await self.admin(), NewGrant("group:devs", "team/**", "reader"), origin=HERE)

    async def by_role(self) -> None:
        await self.roles.create(await self.admin(), "puller", ["pull"], origin=HERE)
        await self.by_grant("puller")


async def remove_grant(place: Place) -> None:
    (kept,) = await place.grants.page(await place.admin(), subject="user:alice", origin=HERE)
    await place.grants.remove(await place.admin(), kept.grant.id, origin=HERE)


async def add_deny(place: Place) -> None:
    await place.grants.add(await place.admin(), NewGrant("user:alice", "team/**", deny=("pull",)), origin=HERE)


async def deny_everyone(place: Place) -> None:
    await place.grants.add(await place.admin(), NewGrant("anonymous", "**", deny=("pull",)), origin=HERE)


async def leave_group(place: Place) -> None:
    await place.groups.remove(await place.admin(), "devs", "user:alice", origin=HERE)


async def delete_group(place: Place) -> None:
    await place.groups.delete(await place.admin(), "devs", origin=HERE)


async def change_role(place: Place) -> None:
    await place.roles.change(await place.admin(), "puller", ["list"], origin=HERE)


RIGHTS: dict[str, tuple[Callable[[Place], Awaitable[object]], Callable[[Place], Awaitable[None]]]] = {
    "a grant is removed": (Place.by_grant, remove_grant),
    "a deny is added": (Place.by_grant, add_deny),
    "a deny for everyone is added": (Place.by_grant, deny_everyone),
    "a member leaves its group": (Place.by_group, leave_group),
    "a group is deleted": (Place.by_group, delete_group),
    "a role loses an action": (Place.by_role, change_role),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", ALL)
@pytest.mark.parametrize("change", RIGHTS)
def test_a_right_that_is_taken_is_denied_at_the_next_request(
    tmp_path: Path, engine: Engine, way: str, change: str
) -> None:
    give, take = RIGHTS[change]

    async def scenario(desk: Desk) -> None:
        place = Place(desk)
        await place.alice()
        await give(place)
        client = await ALL[way](desk)
        assert [await client.pulls(node) for node in desk.nodes] == ["pulled", "pulled"]
        await take(place)
        assert [await client.pulls(node) for node in desk.nodes] == ["denied", "denied"]

    at_desk(tmp_path, scenario, engine)


async def disable(place: Place) -> None:
    await place.house.users.disable(await place.admin(), "alice", origin=HERE)


async def delete(place: Place) -> None:
    await place.house.users.delete(await place.admin(), "alice", origin=HERE)


async def set_password(place: Place) -> None:
    await place.house.users.set_password(await place.admin(), "alice", OWN, origin=HERE)


async def own_password(place: Place) -> None:
    who = await place.desk.by(basic("alice", SECRET))
    await place.house.users.change_own_password(who, SECRET, OWN, origin=HERE)


async def revoke_key(place: Place) -> None:
    await place.house.keychain.revoke(await place.admin(), "laptop", owner="user:alice", origin=HERE)


async def rotate_key(place: Place) -> None:
    alice = await place.desk.by(basic("alice", SECRET))
    await place.house.keychain.rotate(alice, "laptop", overlap=0, origin=HERE)


ENDS: dict[str, tuple[Callable[[Place], Awaitable[None]], dict[str, Way]]] = {
    "the user is disabled": (disable, ALL),
    "the user is deleted": (delete, ALL),
    "the password is set": (set_password, OF_PASSWORD),
    "the password is changed": (own_password, OF_PASSWORD),
    "the key is revoked": (revoke_key, OF_KEY),
    "the key is rotated": (rotate_key, OF_KEY),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("end", "way"), [(end, way) for end, (_, ways) in ENDS.items() for way in ways])
def test_what_a_credential_rests_on_ends_it(tmp_path: Path, engine: Engine, end: str, way: str) -> None:
    async def scenario(desk: Desk) -> None:
        place = Place(desk)
        await place.alice()
        await place.by_grant()
        client = await ALL[way](desk)
        assert [await client.pulls(node) for node in desk.nodes] == ["pulled", "pulled"]
        await ENDS[end][0](place)
        for _ in range(2):
            assert [await client.pulls(node) for node in desk.nodes] == ["unauthenticated", "unauthenticated"]

    at_desk(tmp_path, scenario, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_right_that_is_given_counts_at_the_next_request(tmp_path: Path, engine: Engine) -> None:
    async def scenario(desk: Desk) -> None:
        place = Place(desk)
        await place.alice()
        clients = [await way(desk) for way in OF_PASSWORD.values()]
        for client in clients:
            assert [await client.pulls(node) for node in desk.nodes] == ["denied", "denied"]
        await place.by_grant()
        for client in clients:
            assert [await client.pulls(node) for node in desk.nodes] == ["pulled", "pulled"]

    at_desk(tmp_path, scenario, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_opened_and_closed_is_open_to_everyone_until_then(tmp_path: Path, engine: Engine) -> None:
    async def scenario(desk: Desk) -> None:
        place = Place(desk)

        async def asked() -> list[str]:
            found = []
            for node in desk.nodes:
                try:
                    node.access.pull(await node.by(None), APP, HERE)
                    found.append("pulled")
                except Denied:
                    found.append("denied")
            return found

        assert await asked() == ["denied", "denied"]
        await place.visibility.set(await place.admin(), "team", True, origin=HERE)
        assert await asked() == ["pulled", "pulled"]
        await place.visibility.set(await place.admin(), "team", False, origin=HERE)
        assert await asked() == ["denied", "denied"]

    at_desk(tmp_path, scenario, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_key_that_expires_takes_its_tokens_with_it(tmp_path: Path, engine: Engine) -> None:
    async def scenario(desk: Desk) -> None:
        place = Place(desk)
        await place.alice()
        await place.by_grant()
        who = await desk.by(basic("alice", SECRET))
        soon = desk.house.clock() + 100_000_000
        made = await desk.house.keychain.create(who, "laptop", expires_at=soon, origin=HERE)
        key = basic("alice", made.secret)
        issued = await desk.token(await desk.by(key), PULL, client="docker")
        clients = [Client(key), Client(bearer(issued.token)), Client(b"", issued.refresh)]
        for client in clients:
            assert [await client.pulls(node) for node in desk.nodes] == ["pulled", "pulled"]
        desk.house.clock.at += 101_000_000
        for client in clients:
            assert [await client.pulls(node) for node in desk.nodes] == ["unauthenticated", "unauthenticated"]

    at_desk(tmp_path, scenario, engine)


def test_a_token_of_a_key_has_the_limits_of_the_key(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        place = Place(desk)
        await place.alice()
        await place.by_grant("writer")
        who = await desk.by(basic("alice", SECRET))
        made = await desk.house.keychain.create(who, "reading", bounds=[Asked("team/other", "reader")], origin=HERE)
        issued = await desk.token(
            await desk.by(basic("alice", made.secret)), PULL, "repository:team/other:pull,push", client="docker"
        )
        assert [sorted(entry.actions) for entry in issued.granted] == [[], ["pull"]]
        assert await Client(bearer(issued.token)).pulls(desk) == "denied"
        assert issued.refresh is not None
        fresh = await desk.token(await desk.access.by_refresh_token(issued.refresh, HERE), PULL)
        assert await Client(bearer(fresh.token)).pulls(desk) == "denied"

    at_desk(tmp_path, scenario)


def test_a_token_speaks_of_one_repository_not_of_its_name(tmp_path: Path) -> None:
    """The id of the repository goes with the permit, so that the statement proves it."""

    async def scenario(desk: Desk) -> None:
        place = Place(desk)
        await place.alice()
        await place.by_grant("maintainer")

        async def make(unit: Unit) -> None:
            await unit.run(ADD_REPOSITORY, path="team/app")

        await desk.house.db.write(make)
        who = await desk.by(basic("alice", SECRET))
        header = await desk.bearer(who, "repository:team/app:pull,push,delete", "repository:team/new:pull,push")
        holder = await desk.other.by(header)
        assert desk.access.pull(holder, APP, HERE).repository_id > 0
        assert desk.access.push(holder, APP, HERE).repository_id > 0
        assert desk.access.delete(holder, APP, HERE).repository_id > 0
        assert desk.access.pull(holder, RepositoryName.parse("team/new"), HERE).repository_id == 0
        assert desk.access.pull(await desk.by(basic("alice", SECRET)), APP, HERE).repository_id == 0

    at_desk(tmp_path, scenario)


def test_a_session_is_seen_and_ended_by_its_owner_and_by_administrators(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        place = Place(desk)
        await place.alice()
        await place.by_grant()
        client = await with_refresh(desk)
        access_token = Client(await desk.bearer(await client.at(desk), PULL))
        alice = await desk.by(basic("alice", SECRET))
        (mine,) = await desk.sessions.list(alice)
        assert (mine.account, mine.client, mine.service) == ("alice", "docker", "registry.example.com")
        assert await desk.sessions.list(await place.admin(), "alice") == [mine]
        bob = await desk.house.person("bob")
        with pytest.raises(LookupError):
            await desk.sessions.list(bob, "alice")
        with pytest.raises(LookupError):
            await desk.sessions.revoke(bob, mine.id, origin=HERE)
        assert await client.pulls(desk) == "pulled"
        alice = await desk.by(basic("alice", SECRET))
        await desk.sessions.revoke(alice, mine.id, origin=HERE)
        for each in (client, access_token):
            assert [await each.pulls(node) for node in desk.nodes] == ["unauthenticated", "unauthenticated"]
        again = await with_refresh(desk)
        assert await desk.sessions.revoke_all(await place.admin(), "alice", origin=HERE) == 1
        assert await again.pulls(desk) == "unauthenticated"
        kinds = await desk.house.kinds()
        assert kinds.count("session.started") == 2
        assert kinds.count("session.ended") == 2

    at_desk(tmp_path, scenario)


def test_sessions_of_a_robot_are_seen_by_who_manages_its_namespace(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        place = Place(desk)
        await place.alice()
        robot = await desk.house.robots.create(await place.admin(), "team", "ci", origin=HERE)
        made = await desk.house.keychain.create(await place.admin(), "k", owner="robot:team+ci", origin=HERE)
        await desk.token(await desk.by(basic("", made.secret)), client="docker")
        alice = await desk.by(basic("alice", SECRET))
        with pytest.raises(LookupError):
            await desk.sessions.list(alice, robot.name)
        await place.by_grant("owner")
        alice = await desk.by(basic("alice", SECRET))
        (session,) = await desk.sessions.list(alice, robot.name)
        await desk.sessions.revoke(alice, session.id, origin=HERE)
        assert await desk.sessions.list(alice, robot.name) == []

    at_desk(tmp_path, scenario)


def test_a_key_with_limits_sees_and_ends_its_own_sessions_alone(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        place = Place(desk)
        await place.alice()
        await place.by_grant("writer")
        await with_refresh(desk)
        who = await desk.by(basic("alice", SECRET))
        made = await desk.house.keychain.create(who, "k", bounds=[Asked("team/**", "reader")], origin=HERE)
        key = basic("alice", made.secret)
        await desk.token(await desk.by(key), client="podman")
        assert [row.client for row in await desk.sessions.list(await desk.by(key))] == ["podman"]
        others, own = [row.id for row in await desk.sessions.list(await desk.by(basic("alice", SECRET)))]
        with pytest.raises(LookupError):
            await desk.sessions.revoke(await desk.by(key), others, origin=HERE)
        with pytest.raises(Denied):
            await desk.sessions.revoke_all(await desk.by(key), origin=HERE)
        await desk.sessions.revoke(await desk.by(key), own, origin=HERE)

    at_desk(tmp_path, scenario)


def test_a_refresh_token_ends_in_time(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        place = Place(desk)
        await place.alice()
        await place.by_grant()
        client = await with_refresh(desk)
        desk.house.clock.at += 89 * DAY
        assert await client.pulls(desk) == "pulled"
        desk.house.clock.at += 2 * DAY
        assert await client.pulls(desk) == "unauthenticated"
        assert await desk.sessions.list(await desk.by(basic("alice", SECRET))) == []

    at_desk(tmp_path, scenario)


def test_a_refresh_token_that_is_made_while_the_password_changes_is_none(tmp_path: Path) -> None:
    """It is made of a password that held when it was looked at, and stored after all others were ended."""

    async def scenario(desk: Desk) -> None:
        place = Place(desk)
        await place.alice()
        who = await desk.by(basic("alice", SECRET))
        await place.house.users.set_password(await place.admin(), "alice", OWN, origin=HERE)
        late = await desk.refresh.issue(who, "docker", HERE)
        assert late is not None
        for node in desk.nodes:
            with pytest.raises(Unauthenticated):
                await node.access.by_refresh_token(late, HERE)

    at_desk(tmp_path, scenario)
