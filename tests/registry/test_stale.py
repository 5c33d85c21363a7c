"""A permit is proven by the statement or unit that relies on it: an account that changed meanwhile does nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.access.place import ADD, DISABLE, change_account
from tests.registry.house import Held, House, Place, image, pieces, staged
from tests.registry.rights import rights

from holdfast.access.accounts.administrator import reset_password
from holdfast.access.errors import StalePermit
from holdfast.access.model import Subject
from holdfast.access.policy.decide import Rights, TagRights
from holdfast.access.policy.model import ANYWHERE
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.upload.intake import Chunk

LARGE = b"x" * 50_000
DATA = image(b'{"name":"app"}', b"layer of app")


async def sign_in(house: House) -> None:
    """Let an account use the house."""
    await change_account(house.db, ADD, name="user", password="none")
    (row,) = house.sql("select id, changed from account where name = 'user'")
    house.who, house.version = Subject(row[0], "user"), row[1]


async def lay(house: House) -> str:
    """Something to do things with; returns an upload session that holds bytes."""
    await sign_in(house)
    assert await house.image("v1") == DATA
    await house.blob(LARGE)
    token = (await house.uploads.start(house.may_push(), "sha256")).token
    await house.uploads.append(house.may_push(), token, Chunk(pieces(LARGE)))
    return token


Call = Callable[[House, str], Awaitable[object]]
LAYER = Digest.of(b"layer of app")
READS: dict[str, Call] = {
    "manifest by tag": lambda house, token: house.get("v1"),
    "manifest by digest": lambda house, token: house.get(Digest.of(DATA)),
    "manifest that is not there": lambda house, token: house.get("v2"),
    "HEAD of a manifest by tag": lambda house, token: house.pulls.manifest_head(house.may_pull(), Tag("v1")),
    "HEAD of a manifest by digest": lambda house, token: house.pulls.manifest_head(house.may_pull(), Digest.of(DATA)),
    "HEAD of a manifest that is not there": lambda house, token: house.pulls.manifest_head(house.may_pull(), Tag("v2")),
    "blob": lambda house, token: house.read(LAYER),
    "blob that is not there": lambda house, token: house.read(Digest.of(b"absent")),
    "HEAD of a blob": lambda house, token: house.pulls.blob_head(house.may_pull(), LAYER),
    "HEAD of a blob that is not there": lambda house, token: house.pulls.blob_head(house.may_pull(), Digest.of(b"x")),
    "tags": lambda house, token: house.listing.tags(house.may_pull(), "", None),
    "tags of nowhere": lambda house, token: house.listing.tags(house.may_pull("nowhere"), "", None),
    "catalog": lambda house, token: house.listing.catalog(house.may_list(), "", None),
    "referrers": lambda house, token: house.referrers(DATA),
    "start of an upload": lambda house, token: house.uploads.start(house.may_push(), "sha256"),
    "status of an upload": lambda house, token: house.uploads.status(house.may_push(), token),
}
WRITES: dict[str, Call] = {
    "small blob": lambda house, token: house.blob(b"new"),
    "large blob": lambda house, token: house.blob(LARGE + b"new"),
    "blob that is here": lambda house, token: house.blob(LARGE),
    "chunk": lambda house, token: house.uploads.append(house.may_push(), token, Chunk(pieces(b"more"))),
    "close": lambda house, token: house.uploads.finish(house.may_push(), token, Digest.of(LARGE), Chunk(pieces(b""))),
    "cancel": lambda house, token: house.uploads.cancel(house.may_push(), token),
    "mount": lambda house, token: house.mounts.blob(house.may_push("other"), house.may_pull(), LAYER),
    "mount of what is not there": lambda house, token: house.mounts.blob(
        house.may_push("other"), house.may_pull(), Digest.of(b"absent")
    ),
    "manifest": lambda house, token: house.manifest(DATA, "v2"),
    "manifest again": lambda house, token: house.manifest(DATA, "v1"),
    "delete a tag": lambda house, token: house.deletion.tag(house.may_delete(), Tag("v1")),
    "delete a manifest": lambda house, token: house.deletion.manifest(house.may_delete(), Digest.of(DATA)),
    "delete a blob": lambda house, token: house.deletion.blob(house.may_delete(), Digest.of(LARGE)),
    "delete what is not there": lambda house, token: house.deletion.tag(house.may_delete("nowhere"), Tag("v1")),
}
TABLES = (
    *("content", "body", "link", "edge", "tag", "tag_event", "candidate", "lease", "doomed", "upload", "upload_body"),
    *("repository", "journal", "usage_delta"),
)


def everything(house: House) -> dict[str, list[object]]:
    return {table: house.sql(f"select * from {table}") for table in TABLES}


@pytest.mark.parametrize("change", ["reset", "disabled"])
@pytest.mark.parametrize("call", [*READS.values(), *WRITES.values()], ids=[*READS, *WRITES])
def test_nothing_is_answered_or_written_for_an_account_that_changed(place: Place, call: Call, change: str) -> None:
    async def scenario(house: House) -> None:
        token = await lay(house)
        if change == "reset":
            await reset_password(house.db, "user")
        else:
            await change_account(house.db, DISABLE, name="user")
        before = everything(house)
        with pytest.raises(StalePermit):
            await call(house, token)
        assert everything(house) == before
        pages = house.blobs.keys()
        assert {key async for page in pages for key in page} == {house.key_of(LARGE)}
        assert len(await staged(house.blobs)) == 1

    place.run(scenario)


NO_TAG = Held(pull=TagRights.NONE, push=False)
SOME_TAGS = Held(pull=rights("other-*"), push=False)
NARROW: dict[str, tuple[Held, Call]] = {
    "tags, none shown": (NO_TAG, READS["tags"]),
    "tags, some shown": (SOME_TAGS, READS["tags"]),
    "tags of nowhere, some shown": (SOME_TAGS, READS["tags of nowhere"]),
    "catalog, some shown": (Held(shown=Rights("user:user", (), {"open": True}).shown(ANYWHERE)), READS["catalog"]),
    "referrers, no tag": (NO_TAG, READS["referrers"]),
    "referrers of what is not seen": (SOME_TAGS, READS["referrers"]),
    "manifest by a refused tag": (SOME_TAGS, READS["manifest by tag"]),
    "HEAD of a manifest by a refused tag": (SOME_TAGS, READS["HEAD of a manifest by tag"]),
    "manifest by a digest that is not seen": (SOME_TAGS, READS["manifest by digest"]),
    "blob, no tag": (NO_TAG, READS["blob"]),
    "blob that is not seen": (SOME_TAGS, READS["blob"]),
}


@pytest.mark.parametrize(("held", "call"), NARROW.values(), ids=list(NARROW))
def test_a_refusal_is_that_of_the_rights_of_now(place: Place, held: Held, call: Call) -> None:
    """What is refused to somebody with few rights may be allowed since: it is decided anew, as what is answered is."""

    async def scenario(house: House) -> None:
        token = await lay(house)
        house.held = held
        await reset_password(house.db, "user")
        with pytest.raises(StalePermit):
            await call(house, token)

    place.run(scenario)


@pytest.mark.parametrize("name", [name for name in WRITES if "not there" not in name])
def test_a_change_of_another_account_stops_no_write(place: Place, name: str) -> None:
    async def scenario(house: House) -> None:
        token = await lay(house)
        await change_account(house.db, ADD, name="other", password="none")
        await WRITES[name](house, token)

    place.run(scenario)


def test_a_right_removed_while_a_body_comes_stops_the_upload(place: Place) -> None:
    async def scenario(house: House) -> None:
        token = await lay(house)

        async def body() -> AsyncIterator[bytes]:
            yield LARGE
            await reset_password(house.db, "user")
            yield LARGE

        for call in (
            house.uploads.append(house.may_push(), token, Chunk(body())),
            house.uploads.put(house.may_push(), Digest.of(LARGE * 2), Chunk(body())),
        ):
            with pytest.raises(StalePermit):
                await call
        house.version += 10
        assert (await house.uploads.status(house.may_push(), token))[1] == len(LARGE), "it stands where it stood"

    place.run(scenario)
