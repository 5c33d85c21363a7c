"""What the page of an artifact reads: only what it shows, only what its reader may know; and what was deleted."""

from __future__ import annotations

import pytest
from tests.registry.details.test_details import built
from tests.registry.house import REPO, House, Place, index
from tests.registry.promotion.granted import everything, granted

from holdfast.access.errors import Denied
from holdfast.access.model import PathPermit
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, Tag, parse_reference
from holdfast.registry.deletion.service import Deletion
from holdfast.registry.details.looking import Looked, Looking, Sharing, Wish
from holdfast.registry.details.service import Named
from holdfast.registry.errors import InUse, ManifestUnknown, RepositoryUnknown
from holdfast.registry.history.undelete.service import Undelete

OTHER = "other/app"


async def look(
    house: House, reference: str, wish: Wish, permit: PathPermit | None = None, platform: str | None = None
) -> Looked:
    looking = Looking(house.db, house.objects, house.settings)
    named = Named(RepositoryName.parse(REPO), parse_reference(reference))
    return await looking.look(permit or everything(), named, platform, wish)


def test_only_what_is_wished_for_is_read(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await built(house, "v1", "again")
        bare = await look(house, "v1", Wish())
        assert (bare.config, bare.sharing, bare.referring, bare.page) == (None, {}, None, None)
        assert bare.tags == ("again", "v1")
        assert bare.image is not None
        assert bare.image.config is None
        whole = await look(house, "v1", Wish(config=True, sharing=True, referrers=True))
        assert whole.config is not None
        assert whole.image is not None
        assert whole.image.config is not None
        assert whole.referring is not None
        assert whole.digest == Digest.of(data)
        assert whole.pushed is not None

    place.run(scenario)


def test_sharing_is_told_as_far_as_one_may_see(place: Place) -> None:
    async def scenario(house: House) -> None:
        await built(house, "v1")
        await built(house, "v2", layers=(b"base", b"other"))
        await built(house, "v1", repo=OTHER)
        await built(house, "v1", repo="third/app", layers=(b"base",))
        base, made = str(Digest.of(b"base")), str(Digest.of(b"made"))
        wish = Wish(config=True, sharing=True)
        assert (await look(house, "v1", wish)).sharing == {base: Sharing(1, 2), made: Sharing(0, 1)}
        near = granted("reader team/**", "reader other/**")
        assert (await look(house, "v1", wish, near)).sharing == {base: Sharing(1, 1), made: Sharing(0, 1)}
        partly = granted("reader team/**", "reader other/**:v*")
        assert (await look(house, "v1", wish, partly)).sharing == {base: Sharing(1, 0), made: Sharing(0, 0)}
        some = granted("reader team/**:v1")
        assert (await look(house, "v1", wish, some)).sharing == {base: Sharing(None, 0), made: Sharing(None, 0)}

    place.run(scenario)


def test_referrers_of_one_manifest_come_page_by_page(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await built(house, "v1")
        pushed = [index(subject=data, annotations={"n": str(number)}) for number in range(7)]
        for each in pushed:
            await house.manifest(each)
        seen: list[str] = []
        told: list[bool] = []
        after = 0
        for _ in range(4):
            found = await look(house, "v1", Wish(referrers=True, after=after or 1, limit=3))
            assert found.page is not None
            seen += [each.digest for each in found.page.found]
            told += [bool(each.annotations) for each in found.page.found]
            after = found.page.next or 0
            if not after:
                break
        assert seen == [str(Digest.of(each)) for each in pushed]
        assert all(told)

    place.run(scenario)


def test_who_pushed_is_told_to_who_may_know(place: Place) -> None:
    async def scenario(house: House) -> None:
        await built(house, "v1")
        keeper = (await look(house, "v1", Wish())).pushed
        reader = (await look(house, "v1", Wish(), granted("reader team/**"))).pushed
        assert keeper is not None
        assert reader is not None
        assert keeper.actor is not None
        assert reader.actor is None

    place.run(scenario)


def test_rights_are_those_of_a_pull(place: Place) -> None:
    async def scenario(house: House) -> None:
        hidden = await built(house, "hidden")
        for permit, reference, error in (
            (granted("reader other/**"), "hidden", RepositoryUnknown),
            (granted("auditor team/**"), "hidden", Denied),
            (granted("reader team/**:v*"), "hidden", Denied),
            (granted("reader team/**:v*"), str(Digest.of(hidden)), ManifestUnknown),
            (everything(), "none", ManifestUnknown),
        ):
            with pytest.raises(error):
                await look(house, reference, Wish(config=True, sharing=True, referrers=True), permit)

    place.run(scenario)


def test_a_delete_is_refused_before_it_is_asked_for(place: Place) -> None:
    async def scenario(house: House) -> None:
        deletion = Deletion(house.db, house.objects, house.settings)
        child = await built(house, "v1")
        top = index(child)
        await house.manifest(top, "top")
        assert await deletion.ask(house.may_delete(), Tag("v1")) == house.settings.window
        assert await deletion.ask(house.may_delete(), Digest.of(top)) == house.settings.window
        with pytest.raises(InUse):
            await deletion.ask(house.may_delete(), Digest.of(child))
        with pytest.raises(ManifestUnknown):
            await deletion.ask(house.may_delete(), Digest.of(b"nowhere"))
        await deletion.tag(house.may_delete(), Tag("v1"), dry_run=True)
        assert (await look(house, "v1", Wish())).tags == ("v1",), "nothing happened"

    place.run(scenario)


def test_what_was_deleted_is_known_to_who_might_see_it(place: Place) -> None:
    async def scenario(house: House) -> None:
        undelete = Undelete(house.db, house.settings)
        data = await built(house, "v1", "hidden")
        deletion = Deletion(house.db, house.objects, house.settings)
        assert await undelete.gone(everything(), REPO, Tag("v1")) is None
        assert await undelete.gone(everything(), REPO, Tag("never")) is None
        await deletion.tag(house.may_delete(), Tag("hidden"))
        gone = await undelete.gone(everything(), REPO, Tag("hidden"))
        assert gone is not None
        assert (gone.digest, gone.until - gone.deleted_at) == (Digest.of(data), house.settings.window)
        assert await undelete.gone(granted("reader team/**:v*"), REPO, Tag("hidden")) is None
        with pytest.raises(RepositoryUnknown):
            await undelete.gone(granted("reader other/**"), REPO, Tag("hidden"))
        await deletion.manifest(house.may_delete(), Digest.of(data))
        buried = await undelete.gone(everything(), REPO, Digest.of(data))
        assert buried is not None
        assert buried.digest == Digest.of(data)
        assert await undelete.gone(granted("reader team/**:x*"), REPO, Digest.of(data)) is None
        house.clock.move(2 * house.settings.window)
        late = await undelete.gone(everything(), REPO, Tag("hidden"))
        assert late is not None
        assert late.until == late.deleted_at, "its window has ended"
        assert await undelete.gone(everything(), REPO, Digest.of(data)) is None

    place.run(scenario)
