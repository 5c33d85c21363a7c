"""Settings of paths: what holds, where it comes from, what a change touches, and who may see and change it."""

from __future__ import annotations

import json

import pytest
from tests.registry.house import House, Place
from tests.registry.paths import may_manage

from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.policy.model import Action
from holdfast.registry.effective.kinds import SettingKind, read_duration, switch_kind, window_kind, write_duration
from holdfast.registry.immutability.service import KIND as IMMUTABLE
from holdfast.registry.namespaces.settings import Origin, SettingsTree

DAY = 86_400_000_000
LIMIT = SettingKind("limit", "How many.", "a number", str, str, "0", needs=Action.ADMINISTER)
OPEN = SettingKind("visibility", "Who.", "a word", str, str, "private", set_by="holdfast visibility set")
KINDS = (window_kind(30 * DAY, configured=True), IMMUTABLE, switch_kind("redirect", "R.", default=True), LIMIT, OPEN)


def tree(house: House) -> SettingsTree:
    return SettingsTree(house.db, KINDS)


async def repositories(house: House, *names: str) -> None:
    for name in names:
        await house.blob(b"{}", name)


def test_a_value_says_where_it_comes_from_and_what_it_overrides(place: Place) -> None:
    async def scenario(house: House) -> None:
        settings = tree(house)
        await settings.set(may_manage(""), "window", "60d")
        await settings.set(may_manage("team"), "window", "0")
        held = await settings.show(may_manage("team/app"), "window")
        assert held.origins == (
            Origin("0s", "path", "team"),
            Origin("60d", "path", ""),
            Origin("30d", "configuration"),
        )
        assert (await settings.show(may_manage("other"), "window")).value == "60d"
        assert (await settings.show(may_manage("team-b"), "window")).value == "60d", "a name that begins alike"
        every = {each.kind.name: each for each in await settings.list(may_manage("team"))}
        assert list(every) == sorted(kind.name for kind in KINDS)
        assert every["redirect"].origins == (Origin("true", "default"),)
        await settings.reset(may_manage("team"), "window")
        assert (await settings.show(may_manage("team/app"), "window")).value == "60d"
        assert house.sql("select data from journal where kind = 'setting.changed' order by id")[1:] == [
            json.dumps(data, separators=(",", ":"), sort_keys=True)
            for data in (
                {"path": "team", "setting": "window", "value": "0s", "was": None},
                {"path": "team", "setting": "window", "value": None, "was": "0s"},
            )
        ]
        assert house.sql("select path from journal order by id") == ["", "team", "team"]

    place.run(scenario)


def test_a_change_says_what_it_touches(place: Place) -> None:
    async def scenario(house: House) -> None:
        settings = tree(house)
        await repositories(house, "team", "team/a", "team/b", "team/deep/c", "team/deep/d", "team-b", "zoo")
        for path in ("team/deep", "team/deep/c", "team/b"):
            await settings.set(may_manage(path), "redirect", "off")
        change = await settings.set(may_manage("team"), "redirect", "no", dry_run=True)
        assert (change.impact.changed, change.impact.overriding, change.moves) == (2, 3, True)
        assert (await settings.show(may_manage("team"), "redirect")).value == "true", "a dry run changes nothing"
        await settings.set(may_manage("team"), "redirect", "no")
        again = await settings.set(may_manage("team"), "redirect", "no")
        assert (again.impact.changed, again.moves) == (0, False)
        same = await settings.set(may_manage(""), "redirect", "yes")
        assert (same.impact.changed, same.impact.overriding) == (0, 5), "what held before holds now"
        gone = await settings.reset(may_manage("team"), "redirect", dry_run=True)
        assert (gone.held.value, gone.impact.changed, gone.was) == ("true", 2, "false")
        assert len(house.sql("select 1 from journal where kind = 'setting.changed'")) == 5

    place.run(scenario)


def test_what_cannot_be_is_refused(place: Place) -> None:
    async def scenario(house: House) -> None:
        settings = tree(house)
        for name, text in (("window", "long"), ("window", "99999999d"), ("redirect", "maybe"), ("immutable", "a/b")):
            with pytest.raises(Invalid):
                await settings.set(may_manage("team"), name, text)
        with pytest.raises(Invalid):
            await settings.set(may_manage("TEAM"), "window", "0")
        with pytest.raises(Unknown, match="known: immutable, limit"):
            await settings.set(may_manage("team"), "nothing", "0")
        with pytest.raises(Conflict, match="holdfast visibility set"):
            await settings.set(may_manage("team"), "visibility", "public")

    place.run(scenario)


def test_the_whole_of_a_path_must_be_theirs_to_change(place: Place) -> None:
    async def scenario(house: House) -> None:
        settings = tree(house)
        await settings.set(may_manage("team", "maintainer team/**"), "window", "1h")
        for path, grants in (
            ("team", ["writer team/**"]),
            ("team", ["maintainer team/*"]),
            ("team", ["maintainer team/app"]),
            ("", ["maintainer team/**"]),
            ("team", ["maintainer team/**", "deny:settings team/secret"]),
            ("team", ["owner other/**"]),
        ):
            with pytest.raises(Denied):
                await settings.set(may_manage(path, *grants), "window", "2h")
            with pytest.raises(Denied):
                await settings.reset(may_manage(path, *grants), "window", dry_run=True)
        with pytest.raises(Denied, match="administer"):
            await settings.set(may_manage("team", "owner **"), "limit", "9")
        await settings.set(may_manage("team", "administrator **"), "limit", "9")
        assert house.sql("select value from setting where name = 'window'") == [str(3600_000_000)]

    place.run(scenario)


def test_who_may_be_told_of_something_there_sees_them(place: Place) -> None:
    async def scenario(house: House) -> None:
        settings = tree(house)
        await repositories(house, "team/app", "hidden/app")

        async def sees(path: str, *grants: str, public: dict[str, bool] | None = None) -> bool:
            try:
                await settings.list(may_manage(path, *grants, public=public))
            except Unknown:
                return False
            return True

        assert await sees("team", "reader team/app")
        assert await sees("team/app", "reader team/**:v*")
        assert await sees("team", "maintainer team/**")
        assert await sees("", "reader team/app")
        assert await sees("team", public={"team/app": True})
        assert await sees("team", "reader */app")
        assert not await sees("team", "reader other/**")
        assert not await sees("team/app/deeper", "reader team/app")
        assert not await sees("team", "reader team/none"), "nothing is there"
        assert not await sees("hidden", "reader **", "deny:list hidden/**", "deny:pull hidden/**")
        assert not await sees("nowhere", "reader */app")
        assert not await sees("", public={})
        with pytest.raises(Unknown, match="there is no 'team' in your sight"):
            await settings.list(may_manage("team", "reader other/**"))

    place.run(scenario)


@pytest.mark.parametrize(
    ("text", "kept", "shown"),
    [
        ("30d", 30 * DAY, "30d"),
        ("24h", DAY, "1d"),
        ("90m", 5400_000_000, "90m"),
        ("61s", 61_000_000, "61s"),
        ("0", 0, "0s"),
        (" 0s ", 0, "0s"),
    ],
)
def test_durations_come_back_as_people_write_them(text: str, kept: int, shown: str) -> None:
    assert read_duration(text) == str(kept)
    assert write_duration(str(kept)) == shown
    assert read_duration(shown) == str(kept)
