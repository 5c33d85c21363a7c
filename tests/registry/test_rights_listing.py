"""What may be told: tags, repositories, referrers; whole pages of it, however much lies between."""

from __future__ import annotations

import pytest
from tests.registry.house import REPO, Held, House, Place
from tests.registry.reach.recording import Recorded
from tests.registry.rights import rights

from holdfast.access.errors import Denied
from holdfast.access.model import Subject
from holdfast.access.policy.decide import Rights, TagRights
from holdfast.access.policy.model import ANYWHERE, Action, Effect, Grant, Grantee, GranteeKind
from holdfast.oci.digest import Digest
from holdfast.registry.errors import RepositoryUnknown
from holdfast.registry.listing.service import Listing

DEV = Subject(7, "dev")
GRANTEE = Grantee(GranteeKind.ACCOUNT, 7, "user:dev")


async def pages(house: House, n: int | None, listing: Listing | None = None) -> list[list[str]]:
    """Every page of the tags."""
    found, last = [], ""
    for _ in range(1000):
        page = await (listing or house.listing).tags(house.may_pull(), last, n)
        found.append(page.names)
        if not page.more:
            return found
        assert len(page.names) == n, "a page before the last is full"
        last = page.names[-1]
    raise AssertionError("the pages never end")


async def catalog(house: House, n: int | None) -> list[list[str]]:
    """Every page of the catalog."""
    found, last = [], ""
    for _ in range(1000):
        page = await house.listing.catalog(house.may_list(), last, n)
        found.append(page.names)
        if not page.more:
            return found
        last = page.names[-1]
    raise AssertionError("the pages never end")


NAMES = [
    "dev",
    "dev-1",
    "dev-2",
    "edge",
    "a-prod",
    "prod-1",
    "prod-2",
    "prod.1",
    "v1",
    "v1-rc",
    "zz",
    "latest",
    "Dev-3",
]
RIGHTS = {
    "some": rights("dev-*", "v*"),
    "denied": rights("*", deny=["prod-*", "latest"]),
    "inner": rights("*prod*", "*-1"),
    "inner denied": rights("*", deny=["*-*"]),
    "bounded": rights("*", bound=["dev-*", "prod-1"]),
    "many": rights(*(name for name in NAMES if name != "v1")),
    "none of these": rights("x-*"),
}


@pytest.mark.parametrize("name", RIGHTS)
def test_tags_that_may_be_told_are_seen_once_in_order_on_full_pages(place: Place, name: str) -> None:
    async def scenario(house: House) -> None:
        await house.image(*NAMES)
        with house.acting(DEV, Held(pull=RIGHTS[name])):
            wanted = sorted(filter(RIGHTS[name].allows, NAMES))
            for n in (1, 2, 5, len(NAMES), 10**9, None):
                found = await pages(house, n) if n is None or n < 100 else [(await _page(house, n)).names]
                assert [each for page in found for each in page] == wanted
            assert (await house.listing.tags(house.may_pull(), "", 0)).names == []

    place.run(scenario)


async def _page(house: House, n: int):  # type: ignore[no-untyped-def]
    return await house.listing.tags(house.may_pull(), "", n)


def test_very_many_hidden_tags_lie_between(place: Place) -> None:
    """The ranges of the globs are asked for, not what is between them."""

    async def scenario(house: House) -> None:
        await house.image("a-dev", "b-dev", "z-dev")
        (repo,) = house.sql("select id from repository where path = ?", REPO)
        (content,) = house.sql("select content_id from tag where name = 'a-dev'")
        house.sql("begin")
        for number in range(20_000):
            sql = "insert into tag (repo_id, name, content_id, seq, version_key) values (?, ?, ?, 1, '')"
            house.sql(sql, repo, f"prod-{number:06d}", content)
        house.sql("commit")
        recorded = Recorded(house.db)
        listing = Listing(recorded, house.objects, house.settings)
        for held, most in ((rights("*", deny=["prod-*"]), 2), (rights("*-dev"), 25)):
            with house.acting(DEV, Held(pull=held)):
                assert await pages(house, 2, listing) == [["a-dev", "b-dev"], ["z-dev"]]
            assert len(recorded.take()) <= 2 * most

    place.run(scenario)


def test_tags_that_belong_to_a_digest_are_not_told_to_who_sees_some(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("dev-1")
        tag = "sha256-" + Digest.of(data)[7:] + ".sig"
        await house.image(tag, "sha256-short", name="signature")
        assert await pages(house, None) == [["dev-1", tag, "sha256-short"]]
        with house.acting(DEV, Held(pull=rights("*", deny=["prod-*"]))):
            assert await pages(house, None) == [["dev-1", "sha256-short"]]
            await house.get(tag)

    place.run(scenario)


def test_no_right_to_list_and_no_repository(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1")
        with house.acting(DEV, Held(pull=TagRights.NONE)):
            for repo in (REPO, "team/none"):
                with pytest.raises(Denied, match="this is refused"):
                    await house.listing.tags(house.may_pull(repo), "", None)
        with house.acting(DEV, Held(pull=rights("dev-*"))):
            assert await pages(house, None) == [[]]
            with pytest.raises(RepositoryUnknown):
                await house.listing.tags(house.may_pull("team/none"), "", None)

    place.run(scenario)


def test_referrers_of_what_may_be_read(place: Place) -> None:
    async def scenario(house: House) -> None:
        dev, prod = await house.image("dev-1", name="dev"), await house.image("prod-1", name="prod")
        of_dev = await house.image(name="of dev", subject=dev)
        await house.image(name="of prod", subject=prod)
        with house.acting(DEV, Held(pull=rights("dev-*"))):
            assert await house.referrers(dev) == [Digest.of(of_dev)]
            recorded = Recorded(house.db)
            listing = Listing(recorded, house.objects, house.settings)
            seen = []
            for subject in (Digest.of(prod), Digest.of(b"nothing")):
                assert (await listing.referrers(house.may_pull(), subject, None, 0)).descriptors == []
                seen.append(recorded.take())
            assert seen[0] == seen[1]

    place.run(scenario)


def granted(*grants: tuple[str, str | None], deny: str | None = None) -> Held:
    """Who may read these repositories, at these tags."""
    given = [
        Grant(n, Effect.ALLOW, GRANTEE, "reader", frozenset({Action.PULL, Action.LIST}), repository, tag)
        for n, (repository, tag) in enumerate(grants, 1)
    ]
    if deny is not None:
        given.append(Grant(99, Effect.DENY, GRANTEE, None, frozenset({Action.PULL, Action.LIST}), deny))
    return Held(shown=Rights("user:dev", given, {"open": True, "open/not": False}).shown(ANYWHERE))


PATHS = ["a", "a-b", "a/b", "a/b/c", "ab", "b/x", "b/y", "open", "open/also", "open/not/this", "team/app", "z"]
CATALOGS = {
    "a namespace": (granted(("a/**", None)), ["a", "a/b", "a/b/c", "open", "open/also"]),
    "two": (granted(("b/*", "v*"), ("z", None)), ["b/x", "b/y", "open", "open/also", "z"]),
    "anywhere": (granted(("**/b", None)), ["a/b", "open", "open/also"]),
    "denied": (
        granted(("**", None), deny="a/**"),
        [path for path in PATHS if path != "a" and not path.startswith("a/")],
    ),
    "everything": (granted(("**", None)), PATHS),
    "nothing": (granted(), ["open", "open/also"]),
    "many": (granted(*((path, None) for path in PATHS)), list(PATHS)),
}


@pytest.mark.parametrize("name", CATALOGS)
def test_the_catalog_names_what_is_shown(place: Place, name: str) -> None:
    held, wanted = CATALOGS[name]
    assert held.shown is not None

    async def scenario(house: House) -> None:
        for path in PATHS:
            await house.image("v1", repo=path)
        with house.acting(DEV, held):
            for n in (1, 2, 3, 100, None):
                assert [path for page in await catalog(house, n) for path in page] == wanted

    place.run(scenario)
