"""A draft tried on past use: what would change is listed, what cannot be known is said, and nothing is guessed."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from tests.access.grants.place import ORIGIN, START, Engine, Place, living

from holdfast.access.drafts import trial
from holdfast.access.drafts.model import read_draft, write_draft
from holdfast.access.drafts.replay import (
    BLOBS,
    CLAIMS,
    DIGESTS,
    NETWORKS,
    NO_REPOSITORY,
    SIGNATURES,
    TIMES,
    PastUse,
    Policy,
    Verdict,
    decide,
    grants_of_lines,
)
from holdfast.access.drafts.service import Drafts
from holdfast.access.drafts.trial import OVERFLOWED, Trial, TrialPart
from holdfast.access.errors import Denied
from holdfast.access.model import Credential, CredentialKind, Identity, Subject
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import BUILT_IN_ROLES, Action
from holdfast.access.usage.watch import Watch
from holdfast.journal.model import Origin

DAY = 86_400_000_000
DIGEST = "sha256:" + "a" * 64
INDEX = "sha256:" + "b" * 64


@pytest.fixture(params=[Engine.SQLITE, Engine.POSTGRES])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    return found


async def exported(place: Place, path: str = "") -> dict[str, Any]:
    draft, _ = await Drafts(place.db).export(await place.who(), path, origin=ORIGIN)
    return write_draft(draft)


async def tried(place: Place, policy: dict[str, Any], days: int = 30, by: str = "admin") -> TrialPart:
    """All parts together."""
    whole = TrialPart([], 0, 0, {}, None)
    after: bytes | None = b""
    while after is not None:
        part = await Trial(place.db).part(await place.who(by), read_draft(policy), days, after=after, origin=ORIGIN)
        unknown = {why: whole.unknown.get(why, 0) + part.unknown.get(why, 0) for why in whole.unknown | part.unknown}
        changed = whole.changed + part.changed
        whole = TrialPart(changed, whole.uses + part.uses, whole.drifted + part.drifted, unknown, None)
        after = part.next
    return whole


async def use(place: Place, name: str, action: Action, where: str, *, times: int = 1, ok: bool = True) -> None:
    """`name` did this, or was refused."""
    watch = Watch(place.db)
    who = await place.who(name)
    repository, _, reference = where.partition("@" if "@" in where else ":")
    for _ in range(times):
        origin = Origin("r", "192.0.2.9", "crane/1")
        if ok:
            watch.used(who, origin, action, repository, reference)
        else:
            watch.denied(who, origin, action, repository, reference, "no")
    await watch.flush()


def said(part: TrialPart) -> list[tuple[str, str, str, bool, int]]:
    return sorted(
        (each.subject, each.action, f"{each.repository}:{each.reference}", each.allowed, each.times)
        for each in part.changed
    )


async def lived_in(place: Place) -> None:
    await place.give("user:dora", "writer", "shop/**")
    await place.deny("user:dora", "pull", "shop/**:prod-*")
    await place.groups.create(await place.who(), "ops", origin=ORIGIN)
    await place.groups.add(await place.who(), "ops", "user:otto", origin=ORIGIN)
    await place.give("group:ops", "reader", "shop/**:prod-*")
    await use(place, "dora", Action.PULL, "shop/web:dev-1", times=3)
    await use(place, "dora", Action.CREATE_TAG, "shop/web:dev-2")
    await use(place, "dora", Action.CREATE_TAG, "shop/web:")
    await use(place, "dora", Action.PULL, "shop/web:prod-1", times=2, ok=False)
    await use(place, "otto", Action.PULL, "shop/web:prod-1", times=5)
    await use(place, "otto", Action.PULL, "shop/web:")
    await use(place, "", Action.PULL, "public/base:1", ok=False)


def test_what_stands_changes_nothing(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        part = await tried(place, await exported(place))
        assert part == TrialPart([], 14, 0, {BLOBS: 1}, None)

    living(tmp_path, scenario, "dora", "otto", engine=engine)


def test_what_a_draft_would_change_is_listed_with_who_what_and_how_often(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        draft = await exported(place)
        for grant in draft["grants"]:
            if grant["subject"] == "group:ops":
                grant["scope"] = "shop/**:release-*"
            if "deny" in grant:
                grant["scope"] = "shop/**:dev-*"
        draft["visibility"] = {"public": "public"}
        part = await tried(place, draft)
        assert said(part) == [
            ("anonymous", "pull", "public/base:1", True, 1),
            ("user:dora", "pull", "shop/web:dev-1", False, 3),
            ("user:dora", "pull", "shop/web:prod-1", True, 2),
            ("user:otto", "pull", "shop/web:prod-1", False, 5),
        ]
        why = {each.subject + each.reference: each.because for each in part.changed}
        assert why == {
            "anonymous1": "it is open to everyone",
            "user:doradev-1": "denied by user:dora --deny pull shop/**:dev-*",
            "user:doraprod-1": "by user:dora writer shop/**",
            "user:ottoprod-1": "no grant allows it",
        }
        (otto,) = (each for each in part.changed if each.subject == "user:otto")
        assert (otto.credential, otto.network, otto.agent, otto.first_at) == (
            "password",
            "192.0.2.0/24",
            "crane",
            START,
        )

    living(tmp_path, scenario, "dora", "otto", engine=engine)


def test_groups_roles_and_members_of_the_draft_count(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        draft = await exported(place)
        draft["groups"] = [{"name": "ops", "members": []}]
        assert said(await tried(place, draft)) == [("user:otto", "pull", "shop/web:prod-1", False, 5)]
        await place.roles.create(await place.who(), "looker", ["pull", "list"], origin=ORIGIN)
        await place.give("user:otto", "looker", "other/**")
        await use(place, "otto", Action.PULL, "other/x:1")
        draft = await exported(place)
        draft["roles"] = [{"name": "looker", "actions": ["list"]}]
        assert said(await tried(place, {"roles": draft["roles"]})) == [("user:otto", "pull", "other/x:1", False, 1)]

    living(tmp_path, scenario, "dora", "otto")


def test_a_draft_of_a_path_leaves_the_rest_as_it_is(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        await place.give("user:otto", "owner", "shop/**")
        await place.give("user:dora", "reader", "other/**")
        await use(place, "dora", Action.PULL, "other/x:1")
        part = await tried(place, {"path": "shop", "grants": []}, by="otto")
        assert {each.repository for each in part.changed} == {"shop/web"}
        assert ("user:dora", "pull", "shop/web:dev-1", False, 3) in said(part)
        for by in ("dora", ""):
            with pytest.raises(Denied):
                await tried(place, {"path": "shop", "grants": []}, by=by)
        with pytest.raises(Denied):
            await tried(place, {"grants": []}, by="otto")

    living(tmp_path, scenario, "dora", "otto")


def test_what_changed_since_is_told_apart_from_what_the_draft_changes(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        kept = await place.give("user:dora", "reader", "late/**")
        await use(place, "dora", Action.PULL, "late/x:1", times=4)
        await place.grants.remove(await place.who(), kept.id, origin=ORIGIN)
        part = await tried(place, await exported(place))
        assert (part.changed, part.drifted) == ([], 4)

    living(tmp_path, scenario, "dora", "otto")


def test_old_use_and_use_that_found_no_room(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        place.now += 10 * DAY
        await place.run(
            "insert into access_use_overflow (day, allowed_rows, denied_rows, count) values (:day, 0, 0, 9)",
            day=place.now - place.now % DAY,
        )
        assert (await tried(place, {"grants": []}, days=9)).uses == 0
        part = await tried(place, await exported(place), days=11)
        assert (part.uses, part.unknown) == (14, {BLOBS: 1, OVERFLOWED: 9})

    living(tmp_path, scenario, "dora", "otto", engine=engine)


def test_many_parts_are_one_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        whole = await tried(place, {"grants": []})
        monkeypatch.setattr(trial, "ROWS", 2)
        parts = await tried(place, {"grants": []})
        assert said(parts) == said(whole)
        assert (parts.uses, parts.unknown) == (whole.uses, whole.unknown)

    living(tmp_path, scenario, "dora", "otto")


def test_the_limits_of_a_key_count(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:dora", "writer", "shop/**")
        await place.run(
            "insert into api_key (id, account_id, name, limits, made_at, made_by) values (1, :id, 'k', :limits, 1, '')",
            id=place.ids["dora"],
            limits='[{"actions":["pull"],"repository":"shop/web"}]',
        )
        await place.run(
            "insert into api_secret (id, key_id, hash, hint, made_at, changed) values (5, 1, :hash, 'h', 1, 0)",
            hash=b"x",
        )
        dora = await place.who("dora")
        keyed = Identity(dora.subject, dora.version, dora.rights, Credential(CredentialKind.KEY, 5))
        watch = Watch(place.db)
        watch.denied(keyed, ORIGIN, Action.PULL, "shop/other", "1", "the key does not reach it")
        watch.used(keyed, ORIGIN, Action.PULL, "shop/web", "1")
        await watch.flush()
        assert (await tried(place, await exported(place))).drifted == 0
        draft = {"grants": [{"subject": "user:dora", "role": "administrator", "scope": "**"}]}
        assert said(await tried(place, draft)) == []

    living(tmp_path, scenario, "dora")


def test_a_digest_is_decided_by_the_tags_that_reach_it(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:dora", "reader", "shop/**:dev-*")
        await place.run("insert into repository (id, path, born, seq, last_at) values (1, 'shop/web', 1, 1, 1)")
        for number, digest in ((1, DIGEST), (2, INDEX)):
            await place.run("insert into content (id, digest, size, state) values (:n, :d, 1, 0)", n=number, d=digest)
            await place.run(
                "insert into link (repo_id, content_id, kind, media_type, put_at) values (1, :n, 1, 'm', 1)", n=number
            )
        await place.run("insert into edge (repo_id, kept_id, keeper_id) values (1, 1, 2)")
        await use(place, "dora", Action.PULL, f"shop/web@{DIGEST}", times=2)
        prod = {"path": "shop", "grants": [{"subject": "user:dora", "role": "reader", "scope": "shop/**:prod-*"}]}
        assert (await tried(place, prod)).unknown == {DIGESTS: 2}
        for tag in ("dev-1",):
            await place.run(
                "insert into tag (repo_id, name, content_id, seq, version_key) values (1, :tag, 2, 1, 'k')", tag=tag
            )
        assert said(await tried(place, prod)) == [("user:dora", "pull", f"shop/web:{DIGEST}", False, 2)]
        both = {"path": "shop", "grants": [{"subject": "user:dora", "role": "reader", "scope": "shop/**:*-1"}]}
        assert said(await tried(place, both)) == []

    living(tmp_path, scenario, "dora", engine=engine)


# -- the decision itself ----------------------------------------------------------------------------------------------


def rights_of(*grants: dict[str, Any], groups: str = "[]") -> Rights:
    draft = read_draft({"grants": list(grants)})
    policy = Policy(grants_of_lines(draft.grants or (), BUILT_IN_ROLES, START), {"local": frozenset()}, {})
    return policy.rights("user:dora", groups, None)


def past(**changed: Any) -> PastUse:
    plain = PastUse("user:dora", "[]", "", "192.0.2.0/24", Action.PULL, "shop/web", "v1", START, START)
    return plain._replace(**changed)


def grant(**more: Any) -> dict[str, Any]:
    return {"subject": "user:dora", "role": "reader", "scope": "shop/**", **more}


def when(**conditions: Any) -> dict[str, Any]:
    return grant(conditions=conditions)


YES, NO = Verdict(True), Verdict(False)
NOON_UTC = {"start": "07:00", "end": "09:00"}  # START is 08:00 UTC


@pytest.mark.parametrize(
    ("given", "use_", "verdict"),
    [
        ([grant()], past(), YES),
        ([], past(), NO),
        ([grant(scope="shop/**:v*")], past(reference=""), Verdict(None, BLOBS)),
        ([grant(scope="shop/**:v*", role="writer")], past(reference="", action=Action.CREATE_TAG), YES),
        ([grant(scope="shop/**:v*", role="writer")], past(reference="", action=Action.SIGN), Verdict(None, SIGNATURES)),
        ([grant(scope="shop/**:v*")], past(reference=DIGEST), Verdict(None, DIGESTS)),
        ([grant()], past(repository=""), Verdict(None, NO_REPOSITORY)),
        ([grant()], past(repository="", action=Action.OPERATE), NO),
        ([grant(role="operator", scope="**")], past(repository="", action=Action.OPERATE), YES),
        ([when(networks=["192.0.2.0/24"])], past(), YES),
        ([when(networks=["192.0.0.0/16"])], past(), YES),
        ([when(networks=["10.0.0.0/8"])], past(), NO),
        ([when(networks=["192.0.2.128/25"])], past(), Verdict(None, NETWORKS)),
        ([when(networks=["192.0.2.7/32"])], past(), Verdict(None, NETWORKS)),
        ([when(networks=["192.0.2.0/24"])], past(network=""), Verdict(None, NETWORKS)),
        ([when(networks=["2001:db8::/32"])], past(network="2001:db8:1:2::/64"), YES),
        ([when(networks=["192.0.2.7/32"]), grant()], past(), YES),
        ([when(times=[NOON_UTC])], past(), YES),
        ([when(times=[{"start": "10:00", "end": "11:00"}])], past(), NO),
        ([when(times=[NOON_UTC])], past(last_at=START + 6 * 3600 * 1_000_000), Verdict(None, TIMES)),
        ([when(claims={"ref": "refs/tags/v*"})], past(claims='{"ref":"refs/tags/v1"}'), YES),
        ([when(claims={"ref": "refs/tags/v*"})], past(claims='{"ref":"main"}'), NO),
        ([when(claims={"run_id": "7"})], past(claims="{}"), Verdict(None, CLAIMS)),
        ([grant(subject="group:corp/dev")], past(), NO),
        ([grant(subject="anonymous")], past(), YES),
    ],
)
def test_what_is_known_of_a_use_decides_it(given: list[dict[str, Any]], use_: PastUse, verdict: Verdict) -> None:
    assert decide(rights_of(*given), use_) == verdict


def test_groups_of_providers_are_those_of_then() -> None:
    assert decide(rights_of(grant(subject="group:corp/dev"), groups='["corp/dev"]'), past()) == YES
    assert decide(rights_of(grant(subject="group:local"), groups='["local"]'), past()) == NO, "a local one is of now"


def test_deciding_past_use_is_deciding() -> None:
    """Where everything is kept, the replay says what the engine said."""
    scopes = ["shop/**", "shop/web", "shop/**:v*", "other/**", "**"]
    roles = ["reader", "writer", "owner"]
    for scope, role, denied in itertools.product(scopes, roles, [None, "shop/**:v1", "shop/web"]):
        given = [grant(scope=scope, role=role)]
        if denied:
            given.append({"subject": "user:dora", "deny": ["pull"], "scope": denied})
        rights = rights_of(*given)
        for action, tag in itertools.product([Action.PULL, Action.CREATE_TAG, Action.DELETE_TAG], ["v1", "x"]):
            found = decide(rights, past(action=action, reference=tag))
            assert found == Verdict(rights.allows(action, "shop/web", tag))


def test_subjects_are_told_apart_by_name() -> None:
    rights = rights_of(grant(subject="user:dora2"))
    assert decide(rights, past()) == NO
    assert Subject(1, "dora").actor == "user:dora"
