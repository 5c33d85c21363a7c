"""No sequence of calls raises the caller's own rights.

A subject that is no administrator begins with random grants, denies, groups and roles, made by others, and calls
whatever it likes, in any order. After each call, what it may do at any probe is something that it could do there
before, whatever the circumstances.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.access.grants.place import HOUR, ORIGIN, START, Place
from tests.databases import lay_file, open_at

from holdfast.access.delegating import require_manage, require_over_grantee
from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.grants.model import NewGrant
from holdfast.access.model import Identity
from holdfast.access.policy.model import BUILT_IN_ROLES, SYSTEM_ACTIONS, Action, Circumstances, GranteeKind

CALLER = "mallory"
REPOSITORIES = ["team", "team/app", "team/app/x", "team/lib", "other/app", "else"]
TAGS = ["v1", "prod-1"]
PLACES = [
    Circumstances(address, now)
    for address, now in itertools.product(["10.0.0.7", "192.0.2.1"], [START, START + HOUR, START + 3 * HOUR])
]

subjects = st.sampled_from(
    ["user:mallory", "user:mallory", "user:bob", "robot:team+ci", "group:devs", "group:mine", "anonymous"]
)
scopes = st.sampled_from(
    [
        "team/**",
        "team/**",
        "team/app/**",
        "team/app",
        "team/*",
        "team/*/x",
        "team/**:v*",
        "team/app:prod-*",
        "other/**",
        "**",
        "*",
    ]
)
roles = st.sampled_from([*BUILT_IN_ROLES, "owner", "owner", "custom", "custom", "mine"])
actions = st.lists(st.sampled_from([str(action) for action in Action]), min_size=1, max_size=3)
conditions = st.sampled_from([None, None, None, {"networks": ["10.0.0.0/8"]}])
ends = st.sampled_from([0, 0, 0, START + 2 * HOUR, START + 4 * HOUR])
grants = st.builds(
    lambda subject, scope, role, when, until: NewGrant(subject, scope, role, (), when, until),
    subjects,
    scopes,
    roles,
    conditions,
    ends,
)
denies = st.builds(
    lambda subject, scope, what, when: NewGrant(subject, scope, None, tuple(what), when),
    subjects,
    scopes,
    actions,
    conditions,
)
owned = st.builds(
    lambda scope, when, until: NewGrant(f"user:{CALLER}", scope, "owner", (), when, until),
    st.sampled_from(["team/**", "team/**", "team/app/**", "team/*"]),
    conditions,
    ends,
)
against = st.builds(
    lambda subject, scope, what: NewGrant(subject, scope, None, tuple(what)),
    st.sampled_from([f"user:{CALLER}", "group:devs", "anonymous"]),
    scopes,
    actions,
)
numbers = st.integers(2, 12)
paths = st.sampled_from(["", "team", "team/app", "other"])
calls = st.one_of(
    st.tuples(st.just("give"), grants),
    st.tuples(st.just("give"), denies),
    st.tuples(st.just("take"), numbers),
    st.tuples(st.just("role"), st.sampled_from(["custom", "mine"]), actions),
    st.tuples(st.just("new role"), actions),
    st.tuples(st.just("unrole"), st.sampled_from(["custom", "mine"])),
    st.tuples(st.just("group"), st.sampled_from(["devs", "mine"])),
    st.tuples(st.just("ungroup"), st.sampled_from(["devs", "mine"])),
    st.tuples(st.just("member"), st.sampled_from(["devs", "mine"]), subjects, st.booleans()),
    st.tuples(st.just("member"), st.just("devs"), st.just(f"user:{CALLER}"), st.booleans()),
    st.tuples(st.just("member"), st.just("devs"), st.just(f"user:{CALLER}"), st.booleans()),
    st.tuples(st.just("open"), paths, st.sampled_from([True, False, None])),
)


async def call(place: Place, caller: Identity, what: tuple[Any, ...]) -> None:
    """One call of a management service. Whether it is refused is its own affair."""
    try:
        match what:
            case ("give", new):
                await place.grants.add(caller, new, origin=ORIGIN)
            case ("take", number):
                await place.grants.remove(caller, number, origin=ORIGIN)
            case ("role", name, listed):
                await place.roles.change(caller, name, listed, origin=ORIGIN)
            case ("new role", listed):
                await place.roles.create(caller, "mine", listed, origin=ORIGIN)
            case ("unrole", name):
                await place.roles.delete(caller, name, origin=ORIGIN)
            case ("group", name):
                await place.groups.create(caller, name, origin=ORIGIN)
            case ("ungroup", name):
                await place.groups.delete(caller, name, origin=ORIGIN)
            case ("member", name, member, True):
                await place.groups.add(caller, name, member, origin=ORIGIN)
            case ("member", name, member, False):
                await place.groups.remove(caller, name, member, origin=ORIGIN)
            case ("open", path, None):
                await place.visibility.reset(caller, path, origin=ORIGIN)
            case ("open", path, public):
                await place.visibility.set(caller, path, public, origin=ORIGIN)
    except (Denied, Unknown, Invalid, Conflict):
        pass


def rights_of(who: Identity) -> set[tuple[str, ...]]:
    """Everything that `who` may do at the probes."""
    found: set[tuple[str, ...]] = set()
    for number, here in enumerate(PLACES):
        for action in SYSTEM_ACTIONS:
            if who.rights.system(action, here):
                found.add((str(action), str(number)))
        for action, repository in itertools.product(set(Action) - SYSTEM_ACTIONS, REPOSITORIES):
            tags = who.rights.tags(action, repository, here)
            found |= {(str(action), repository, tag, str(number)) for tag in TAGS if tags.allows(tag)}
    return found


async def by_robot(place: Place) -> set[tuple[str, ...]]:
    """What the caller may do by way of the robot, if it may make itself a key for it."""
    caller = await place.who(CALLER)
    try:
        await require_manage(place.db, caller, "team", ORIGIN)
        await require_over_grantee(place.db, caller, GranteeKind.ACCOUNT, place.ids["team+ci"], ORIGIN)
    except Denied:
        return set()
    return rights_of(await place.who("team+ci"))


async def play(path: str, before: list[NewGrant], member: bool, opened: bool, after: list[tuple[Any, ...]]) -> None:
    db = await open_at(path, lambda: place.now)
    place = Place(db)
    try:
        for name in ("admin", CALLER, "bob", "olga", "team+ci"):
            await place.account(name)
        admin = await place.who()
        await place.roles.create(admin, "custom", ["list", "manage-access"], origin=ORIGIN)
        await place.groups.create(await place.who(), "devs", origin=ORIGIN)
        if member:
            await place.groups.add(await place.who(), "devs", f"user:{CALLER}", origin=ORIGIN)
        await place.give("user:olga", "owner", "team/**")
        if opened:
            await place.visibility.set(await place.who(), "team", True, origin=ORIGIN)
            await place.visibility.set(await place.who(), "team/app", False, origin=ORIGIN)
        for number, new in enumerate(before):
            maker = "olga" if number % 2 else "admin"
            await call(place, await place.who(maker), ("give", new))
        caller = await place.who(CALLER)
        held = rights_of(caller)
        everyones = rights_of(await place.who(""))  # whoever leaves the credential out has these
        if any(caller.rights.system(Action.ADMINISTER, here) for here in PLACES):
            return
        for what in after:
            await call(place, await place.who(CALLER), what)
            now = rights_of(await place.who(CALLER))
            assert now <= held, (what, sorted(now - held)[:5])
            robot = await by_robot(place) - everyones
            assert robot <= held, (what, sorted(robot - held)[:5])
    finally:
        await db.close()


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(
    st.builds(lambda *parts: [*parts[0], *parts[1]], st.tuples(owned), st.lists(against | grants, max_size=4)),
    st.booleans(),
    st.booleans(),
    st.lists(calls, min_size=3, max_size=12),
)
def test_no_sequence_of_calls_raises_the_callers_own_rights(
    before: list[NewGrant], member: bool, opened: bool, after: list[tuple[Any, ...]]
) -> None:
    with tempfile.TemporaryDirectory(dir=_fast()) as directory:
        path = str(Path(directory) / "holdfast.db")
        lay_file(path)
        asyncio.run(play(path, before, member, opened, after))


def _fast() -> str | None:
    """Memory, where there is some: every change is synced."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
