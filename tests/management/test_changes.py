"""Several tags and repositories at once by the API and on the command line: looked at, done by one job, told one by
one, taken back; and lists as files. Over a real server, on both databases."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any

import pytest
from tests.cli.shell import Shell
from tests.clients import images
from tests.clients.wire import Wire
from tests.management.api import Asker, segment
from tests.management.conftest import PASSWORD, Asking
from tests.serving import Server, pause


class Desk:
    """A namespace of its own for a test, and who changes what is in it."""

    def __init__(self, server: Server, admin: Asker, name: str) -> None:
        self.wire, self.admin, self.name = Wire(server), admin, name

    def push(self, what: str, *tags: str, to: str = "app") -> str:
        """Push an image; its digest."""
        return str(self.wire.push(f"{self.name}/{to}", images.image(what), *tags).manifest.digest)

    def tags(self, of: str = "app") -> dict[str, str]:
        """Every tag, and what it points to."""
        found = self.admin.items(f"/repositories/{segment(f'{self.name}/{of}')}/tags")
        return {each["name"]: each["digest"] for each in found}

    def plan(self, kind: str, status: int = 201, **more: Any) -> Any:
        """Look at a change of tags."""
        return self.admin.do(status, "POST", "/changes/tags", {"kind": kind, "repository": f"{self.name}/app", **more})

    def plan_repositories(self, kind: str, status: int = 201, **more: Any) -> Any:
        """Look at a change of repositories."""
        return self.admin.do(status, "POST", "/changes/repositories", {"kind": kind, "below": self.name, **more})

    def outcomes(self, change: Any) -> dict[str, str]:
        """What became of each, or would."""
        found = self.admin.items(f"/changes/{change['id']}/items", limit=2)
        return {each["name"].removeprefix(f"{self.name}/"): each["outcome"] for each in found}

    def done(self, change: Any, how: str = "start", by: Asker | None = None) -> Any:
        """Let it be done, or taken back, and wait until it is."""
        asker = by or self.admin
        begun = asker.do(202, "POST", f"/changes/{change['id']}/{how}")
        deadline = time.monotonic() + 60
        while (found := asker.do(200, "GET", f"/changes/{begun['id']}"))["state"] != "ended":
            assert time.monotonic() < deadline, found
            pause(0.05)
        return found


@pytest.fixture
def desk(server: Server, admin: Asker, request: pytest.FixtureRequest) -> Desk:
    name = request.node.name.partition("[")[0].replace("_", "-")[-40:].strip("-")
    return Desk(server, admin, f"changes/{name}")


@pytest.fixture
def shell(server: Server, tmp_path: Path) -> Shell:
    made = Shell(tmp_path)
    made.run("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    return made


def test_tags_are_deleted_by_a_filter_and_come_back(desk: Desk) -> None:
    one, two = desk.push("one", "ci-1", "ci-2", "keep"), desk.push("two", "ci-3")
    looked = desk.plan("delete", glob="ci-*")
    assert (looked["state"], looked["counts"]["waits"], looked["job"]) == ("looked at", 3, None)
    assert len(desk.tags()) == 4, "looking changes nothing"
    desk.push("anew", "ci-2")
    done = desk.done(looked)
    assert desk.outcomes(done) == {"ci-1": "done", "ci-2": "left", "ci-3": "done"}
    assert set(desk.tags()) == {"ci-2", "keep"}
    left = desk.admin.items(f"/changes/{done['id']}/items?outcome=left")
    assert [each["why"] for each in left] == ["it points to something else by now"]
    back = desk.done(done, "undo")
    assert (back["undoes"], back["counts"]["done"]) == (done["id"], 2)
    assert desk.tags()["ci-1"] == one
    assert desk.tags()["ci-3"] == two
    assert desk.admin.do(200, "GET", f"/changes/{done['id']}")["undone_by"] == back["id"]
    assert desk.admin.refused("conflict", "POST", f"/changes/{done['id']}/undo")
    assert desk.admin.refused("conflict", "POST", f"/changes/{done['id']}/start")


def test_tags_get_other_names_and_conflicts_are_told_before(desk: Desk) -> None:
    digests = {tag: desk.push(tag, tag) for tag in ("rc-1", "rc-2", "rc-3", "rc-4", "other")}
    taken = desk.push("taken", "v2")
    desk.push("locked", "v4")
    desk.push("same", "v3")
    desk.wire.push(f"{desk.name}/app", images.image("rc-3"), "v3")
    desk.admin.do(200, "PUT", "/settings/immutable", {"path": f"{desk.name}/app", "value": "v4"})
    wish: dict[str, Any] = {"tags": ["rc-1", "rc-2", "rc-3", "rc-4", "other"], "match": "rc-*", "pattern": "v*"}
    looked = desk.plan("retag", **wish)
    told = {each["name"]: each for each in desk.admin.items(f"/changes/{looked['id']}/items")}
    assert {name: (each["renamed"], each["outcome"]) for name, each in told.items()} == {
        "rc-1": ("v1", "waits"),
        "rc-2": ("v2", "stays"),
        "rc-3": ("v3", "stays"),
        "rc-4": ("v4", "stays"),
        "other": (None, "stays"),
    }
    assert told["rc-2"]["why"] == "there is a tag v2 already"
    assert told["rc-3"]["why"] == "v3 points there already"
    replacing = desk.plan("retag", **wish, replace=True)
    told = {each["name"]: each for each in desk.admin.items(f"/changes/{replacing['id']}/items")}
    assert (told["rc-2"]["outcome"], told["rc-2"]["before"]) == ("waits", taken)
    assert "immutable" in told["rc-4"]["why"]
    before = desk.tags()
    done = desk.done(replacing)
    assert desk.outcomes(done) == {"rc-1": "done", "rc-2": "done", "rc-3": "stays", "rc-4": "stays", "other": "stays"}
    assert desk.tags() == {**before, "v1": digests["rc-1"], "v2": digests["rc-2"]}
    assert desk.outcomes(desk.done(done, "undo")) == {"rc-1": "done", "rc-2": "done"}
    assert desk.tags() == before


def test_a_name_that_was_taken_meanwhile_stays_with_who_took_it(desk: Desk) -> None:
    desk.push("one", "a", "b")
    looked = desk.plan("retag", tags=["a", "b"], pattern="new-*", target=f"{desk.name}/else")
    assert desk.plan("retag", tags=["a", "b"], pattern="same-*")["counts"]["waits"] == 2
    theirs = desk.push("theirs", "new-b", to="else")
    done = desk.done(looked)
    assert desk.outcomes(done) == {"a": "done", "b": "left"}
    assert desk.tags("else")["new-b"] == theirs
    desk.push("later", "new-a", to="else")
    assert desk.outcomes(desk.done(done, "undo")) == {"a": "left"}
    assert set(desk.tags("else")) == {"new-a", "new-b"}
    for wrong in ("", "new", "**", "a*b*", "x" * 128 + "*"):
        assert desk.plan("retag", 400, tags=["a"], pattern=wrong)["fields"][0]["field"] == "pattern"
    two = desk.plan("retag", tags=["a", "b"], match="*", pattern="*" + "y" * 127)
    assert desk.outcomes(two) == {"a": "waits", "b": "waits"}
    long = desk.plan("retag", tags=["a"], pattern="*-" + "é" * 3)
    assert desk.outcomes(long) == {"a": "stays"}


def test_tags_are_labelled_promoted_and_protected(desk: Desk) -> None:
    one = desk.push("one", "a", "b")
    labelled = desk.done(desk.plan("label", tags=["a"], label="org.example.stage", value="tested"))
    assert desk.tags()["a"] != one
    assert desk.done(labelled, "undo")["counts"]["done"] == 1
    assert desk.tags()["a"] == one
    desk.plan("label", 400, tags=["a"])
    desk.plan("promote", 400, tags=["a"], target=f"{desk.name}/app")
    desk.done(desk.plan("promote", tags=["a", "b"], target=f"{desk.name}/stable"))
    assert desk.tags("stable") == {"a": one, "b": one}
    looked = desk.plan("protect", tags=["a"])
    assert looked["protection"] == {"held": "none", "path": None, "then": "a"}
    desk.done(looked)
    where = f"/settings/immutable?path={desk.name}/app"
    assert desk.admin.do(200, "GET", where)["value"] == "a"
    assert desk.outcomes(desk.plan("delete", tags=["a", "b"])) == {"a": "stays", "b": "waits"}


def test_repositories_are_deleted_unless_somebody_pushed_and_come_back(desk: Desk) -> None:
    for name in ("one", "two", "three"):
        desk.push(name, "1", to=name)
    before = desk.tags("one")
    looked = desk.plan_repositories("delete-repository")
    assert desk.outcomes(looked) == {"one": "waits", "two": "waits", "three": "waits"}
    desk.push("more", "2", to="two")
    done = desk.done(looked)
    assert desk.outcomes(done) == {"one": "done", "two": "left", "three": "done"}
    there = desk.admin.items(f"/repositories?below={desk.name}")
    assert [each["name"] for each in there] == [f"{desk.name}/two"]
    anew = desk.push("anew", "1", to="three")
    back = desk.done(done, "undo")
    assert desk.outcomes(back) == {"one": "done", "three": "left"}
    assert desk.tags("one") == before
    assert desk.tags("three") == {"1": anew}


def test_repositories_are_opened_and_what_was_said_of_them_comes_back(desk: Desk) -> None:
    for name in ("inherits", "said", "open"):
        desk.push(name, "1", to=name)

    def said(name: str) -> tuple[str, str | None]:
        found = desk.admin.do(200, "GET", f"/visibility?path={desk.name}/{name}")
        return found["visibility"], found["set_at"]

    for name, value in (("said", "private"), ("open", "public")):
        desk.admin.do(200, "PUT", "/visibility", {"path": f"{desk.name}/{name}", "visibility": value})
    before = {name: said(name) for name in ("inherits", "said", "open")}
    looked = desk.plan_repositories("public", repositories=[f"{desk.name}/{name}" for name in before])
    assert desk.outcomes(looked) == {"inherits": "waits", "said": "waits", "open": "stays"}
    done = desk.done(looked)
    assert {said(name)[0] for name in before} == {"public"}
    assert desk.done(done, "undo")["counts"]["done"] == 2
    assert {name: said(name) for name in before} == before
    desk.plan_repositories("private", 404, repositories=["changes/never-was"])
    desk.plan_repositories("private", 400, contains="no-such-name")
    assert desk.outcomes(desk.plan_repositories("private", visibility="public")) == {"open": "waits"}


def test_a_key_changes_what_it_may_and_no_more_and_ends_with_its_work(desk: Desk, asking: Asking) -> None:
    desk.push("one", "a", "b", "c")
    user = desk.name.rpartition("/")[2][-20:].strip("-")
    desk.admin.do(201, "POST", "/users", {"name": user, "password": "a long pass phrase"})
    desk.admin.do(201, "POST", "/grants", {"subject": f"user:{user}", "role": "owner", "scope": f"{desk.name}/**"})
    own = asking.named(user, "a long pass phrase")
    bounds = [
        {"actions": ["pull", "list"], "repository": f"{desk.name}/app"},
        {"actions": ["delete-tag"], "repository": f"{desk.name}/app", "tag": "a"},
    ]
    made = own.do(201, "POST", "/keys", {"name": "narrow", "bounds": bounds})
    key = asking.named(user, made["secret"])
    given = {"kind": "delete", "repository": f"{desk.name}/app", "tags": ["a", "b"]}
    looked = key.do(201, "POST", "/changes/tags", given)
    assert desk.tags().keys() == {"a", "b", "c"}
    done = desk.done(looked, by=key)
    assert (done["counts"]["done"], done["counts"]["stays"]) == (1, 1)
    assert desk.tags().keys() == {"b", "c"}
    other = own.do(201, "POST", "/changes/tags", {**given, "tags": ["b", "c"]})
    for how in ("start", "undo"):
        assert desk.admin.refused("denied", "POST", f"/changes/{other['id']}/{how}")
    # A key that ended lets nothing more be done in its name, though its account may.
    desk.push("one", "a")
    looked = key.do(201, "POST", "/changes/tags", {**given, "tags": ["a"]})
    own.do(204, "DELETE", f"/keys/{segment('user:' + user)}/narrow")
    ended = desk.done(looked, by=own)
    assert ended["counts"]["left"] == 1
    assert "may not be used any more" in own.items(f"/changes/{ended['id']}/items")[0]["why"]
    assert "a" in desk.tags()


def test_changes_are_found_by_who_looked_at_them_and_who_owns_the_place(desk: Desk, asking: Asking) -> None:
    desk.push("one", "a", "b", "c")
    desk.push("one", "a", to="hidden")
    short = desk.name.rpartition("/")[2][-12:].strip("-")

    def person(which: str, *rules: dict[str, Any]) -> Asker:
        user = f"{short}-{which}"
        desk.admin.do(201, "POST", "/users", {"name": user, "password": "a long pass phrase"})
        for rule in rules:
            desk.admin.do(201, "POST", "/grants", {"subject": f"user:{user}", **rule})
        return asking.named(user, "a long pass phrase")

    owning = {"role": "owner", "scope": f"{desk.name}/**"}
    maker, owner = person("maker", {"role": "maintainer", "scope": f"{desk.name}/**"}), person("owner", owning)
    operator = person("operator", {"role": "operator", "scope": "**"})
    half = person("half", {"role": "owner", "scope": f"{desk.name}/hidden"}, {"role": "reader", "scope": "**"})
    reader = person("reader", {"role": "reader", "scope": f"{desk.name}/**"})
    where = {"repository": f"{desk.name}/app"}
    first = maker.do(201, "POST", "/changes/tags", {"kind": "delete", "tags": ["a"], **where})
    second = maker.do(201, "POST", "/changes/tags", {"kind": "delete", "tags": ["b", "none"], **where})
    third = maker.do(201, "POST", "/changes/repositories", {"kind": "private", "below": desk.name})
    desk.done(first, by=maker)

    def found(asker: Asker, query: str = "") -> list[int]:
        return [each["id"] for each in asker.items(f"/changes?path={desk.name}{query}", limit=1)]

    newest = [third["id"], second["id"], first["id"]]
    assert found(maker) == found(owner) == found(operator) == newest
    assert [each["id"] for each in maker.items("/changes", limit=2)] == newest
    assert found(half) == found(reader) == owner.items("/changes") == []
    assert set(newest) <= {each["id"] for each in operator.items("/changes")}
    assert found(owner, "&state=ended") == [first["id"]]
    assert found(owner, "&state=looked at".replace(" ", "%20")) == newest[:2]
    (told,) = owner.items(f"/changes?path={desk.name}/app&state=ended")
    assert told == owner.do(200, "GET", f"/changes/{first['id']}")
    assert (told["by"], told["counts"]["done"]) == (f"user:{short}-maker", 1)
    for asker in (half, reader):
        assert asker.refused("unknown", "GET", f"/changes/{first['id']}")
        assert asker.refused("unknown", "GET", f"/changes/{first['id']}/items")
    for asker in (owner, operator):
        assert asker.refused("denied", "POST", f"/changes/{second['id']}/start")
        assert asker.refused("denied", "POST", f"/changes/{first['id']}/undo")
    assert owner.refused("invalid", "GET", "/changes?path=No/Name")
    assert owner.refused("invalid", "GET", "/changes?state=none")
    # Of another's change nobody is told of what is not in his sight.
    hidden = {"subject": f"user:{short}-operator", "deny": ["list", "pull"], "scope": f"{desk.name}/hidden"}
    desk.admin.do(201, "POST", "/grants", hidden)
    told = {each["name"] for each in operator.items(f"/changes/{third['id']}/items")}
    assert told == {f"{desk.name}/app"}
    assert len(maker.items(f"/changes/{third['id']}/items")) == 2


def test_lists_are_written_as_files(desk: Desk, admin: Asker, shell: Shell, tmp_path: Path) -> None:
    desk.push("one", "v1", "v2", "other")
    begun = admin.do(202, "POST", "/exports", {"list": "tags", "path": f"{desk.name}/app", "tags": {"glob": "v*"}})
    deadline = time.monotonic() + 60
    while (found := admin.do(200, "GET", f"/exports/{begun['id']}"))["rows"] is None:
        assert time.monotonic() < deadline, found
        pause(0.05)
    assert (found["rows"], found["whole"], found["refused"]) == (2, True, "")
    got = admin.connection.ask("GET", f"/api/v1/exports/{begun['id']}/file")
    assert got["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(got.body.decode())))
    assert [(each["tag"], each["digest"]) for each in rows] == [("v1", desk.tags()["v1"]), ("v2", desk.tags()["v2"])]
    for wrong in (
        {"list": "tags", "path": f"{desk.name}/app", "history": {}},
        {"list": "storage", "contains": "x"},
        {"list": "users", "sort": "name"},
        {"list": "burnt"},
        {"list": "tags", "path": "No/Name"},
    ):
        assert admin.refused("invalid", "POST", "/exports", wrong)
    printed = shell.says("list", "export", "tags", f"{desk.name}/app", "--filter", "glob=v*", "--sort=-name")
    assert [each["tag"] for each in csv.DictReader(io.StringIO(printed))] == ["v2", "v1"]
    shell.run("list", "export", "repositories", desk.name, "-o", str(tmp_path / "found.csv"))
    kept = (tmp_path / "found.csv").read_text()
    assert [each["repository"] for each in csv.DictReader(io.StringIO(kept))] == [f"{desk.name}/app"]
    for which in ("storage", "users"):
        assert "," in shell.says("list", "export", which)
    moved = shell.says("list", "export", "history", desk.name, "--filter", "below", "--filter", "action=created")
    assert len(list(csv.DictReader(io.StringIO(moved)))) == 3
    assert "there is no" in shell.refused("list", "export", "tags", f"{desk.name}/never")
    assert "write --filter below" in shell.refused("list", "export", "history", "--filter", "below=1", status=2)


def test_the_command_line_says_and_does_the_same(desk: Desk, shell: Shell) -> None:
    desk.push("one", "rc-1", "rc-2", "v2")
    where = f"{desk.name}/app"
    dry = shell.says(
        "tag", "change", "retag", where, "--filter", "glob=rc-*", "--match", "rc-*", "--pattern", "v*", "--dry-run"
    )
    assert "v1" in dry
    assert "v2 points there already" in dry
    assert desk.tags().keys() == {"rc-1", "rc-2", "v2"}
    number = dry.rpartition("holdfast changes start ")[2].strip()
    listed = shell.says("changes", "list", where)
    assert (f"{number} " in listed, "retag 2 tags" in listed, "looked at" in listed) == (True, True, True)
    (row,) = shell.json("changes", "list", desk.name, "--state", "looked at")["changes"]
    assert str(row["id"]) == number
    assert "no changes" in shell.says("changes", "list", where, "--state", "running")
    assert "--dry-run" in shell.refused("changes", "start", number, status=2)
    done = shell.says("changes", "start", number, "--yes")
    assert "1 changed, 0 left" in done
    assert desk.tags().keys() == {"rc-1", "rc-2", "v1", "v2"}
    assert shell.json("changes", "show", number)["counts"] == {"waits": 0, "done": 1, "left": 0, "stays": 1}
    assert "1 changed" in shell.says("changes", "undo", number, "--yes")
    assert desk.tags().keys() == {"rc-1", "rc-2", "v2"}
    assert "nothing of this" in shell.refused("tag", "change", "retag", where, "rc-1", "--pattern", "*", "--yes")
    assert "name tags" in shell.refused("tag", "change", "delete", where, status=2)
    shell.run("tag", "change", "label", where, "rc-1", "--label", "org.example.stage=tested", "--yes")
    shell.run("repository", "change", "public", where, "--yes")
    assert desk.admin.do(200, "GET", f"/visibility?path={where}")["visibility"] == "public"
    gone = shell.json("repository", "change", "delete", "--below", desk.name, "--yes")
    assert (gone["counts"]["done"], gone["state"], gone["items"]) == (1, "ended", [])
    assert desk.admin.items(f"/repositories?below={desk.name}") == []
    shell.run("changes", "undo", str(gone["id"]), "--yes")
    assert desk.tags().keys() == {"rc-1", "rc-2", "v2"}
