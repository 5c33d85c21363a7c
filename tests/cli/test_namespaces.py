"""Client verbs of namespaces, settings, immutable tags and purge: what they say, what they ask, what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.cli.shell import Shell
from tests.serving import Credentials, running_server

from holdfast.cli.confirming import counted, description_of, label_changes
from holdfast.cli.sizes import size_text

PASSWORD = "Planted-Password-4711"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    place = tmp_path_factory.mktemp("verbs")
    with running_server(place / "server", env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD}) as server:
        server.known_admin = Credentials("admin", PASSWORD)
        home = place / "home"
        home.mkdir()
        shell = Shell(home)
        shell.says("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD)
        yield shell


def test_a_path_may_come_right_after_settings(shell: Shell) -> None:
    shell.says("settings", "set", "set/app", "window", "90d")
    for words in (("settings", "set/app"), ("settings", "show", "set/app")):
        assert "window              90d " in shell.says(*words)
    assert shell.json("settings", "set/app/deep")["path"] == "set/app/deep"
    assert "set here" in shell.says("settings", "set", "", "redirect", "false")
    assert "from everything" in shell.says("settings", "set/app")
    shell.says("settings", "reset", "", "redirect")
    assert "known: " in shell.refused("settings", "set", "set/app", "nothing", "1")
    assert "no duration" in shell.refused("settings", "set", "set/app", "window", "long")


def test_rules_are_set_added_and_taken_away(shell: Shell) -> None:
    assert "v* except *-dev" in shell.says("immutable", "set", "rules", "v*", "--except", "*-dev")
    shell.says("immutable", "set", "rules", "nightly", "--allow-move", "--add")
    assert shell.says("immutable", "show", "rules/app").splitlines() == [
        "immutable tags of rules/app (from rules):",
        "  v* except *-dev",
        "  nightly allow-move",
    ]
    shell.says("immutable", "set", "rules/app", "--none")
    assert shell.says("immutable", "show", "rules/app") == "no tag of rules/app is immutable (set here)\n"
    shell.says("immutable", "unset", "rules/app")
    shell.says("immutable", "unset", "rules")
    assert "(default)" in shell.says("immutable", "show", "rules/app")
    for words in (("set", "rules"), ("set", "rules", "v*", "--none")):
        assert "--none" in shell.refused("immutable", *words, status=2)
    assert "forbid nothing" in shell.refused("immutable", "set", "rules", "v*", "--allow-move", "--allow-delete")


def test_who_destroys_is_asked(shell: Shell) -> None:
    shell.says("repository", "create", "doomed/app", "--label", "tier=1")
    assert shell.says("repository", "delete", "doomed/app", "--dry-run").startswith("deleting doomed/app takes 1 repo")
    refused = shell.refused("repository", "delete", "doomed/app", status=2)
    assert "say --yes" in refused
    assert "takes 1 repository, 0 tags, 0 B; it can be undone for 30d" in refused
    assert "say --yes" in shell.refused("namespace", "delete", "doomed", status=2)
    assert "deleted 1 repository" in shell.says("namespace", "delete", "doomed", "--yes")
    assert "doomed/app" in shell.says("repository", "list", "doomed", "--deleted")
    assert "restored 1 repository" in shell.says("namespace", "restore", "doomed")
    shell.says("repository", "delete", "doomed/app", "--yes")
    assert "is back" in shell.says("repository", "restore", "doomed/app")
    assert "no such tag" in shell.refused("purge", "doomed/app:v1", "--reason", "x", "--yes")
    assert "REPOSITORY:TAG" in shell.refused("purge", "doomed/app", "--reason", "x", status=2)
    assert "--reason" in shell.refused("purge", "doomed/app:v1", status=2)
    assert shell.says("purge", "list") == "nothing was purged\n"


def test_what_is_said_is_shown_without_steering_a_terminal(shell: Shell, tmp_path: Path) -> None:
    text = tmp_path / "README.md"
    text.write_text("# Said\n\n\tin a file\n")
    shell.says("namespace", "create", "said", "--description", "first")
    shell.says("namespace", "describe", "said", "--file", str(text))
    assert shell.says("namespace", "show", "said").endswith("\n# Said\n\n    in a file\n")
    assert "tier=1" in shell.says("namespace", "label", "said", "tier=1", "at=x")
    assert "labels of said: at=x" in shell.says("namespace", "label", "said", "--remove", "tier")
    assert "give the description" in shell.refused("namespace", "describe", "said", status=2)
    assert "NAME=VALUE" in shell.refused("namespace", "label", "said", "tier", status=2)
    assert "said" in shell.says("namespace", "list").split()


def test_the_parts_of_what_is_said() -> None:
    assert [size_text(count) for count in (0, 1023, 1024, 1536, 5 << 40)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "1.5 KiB",
        "5.0 TiB",
    ]
    assert [counted(1, "tag"), counted(1234, "tag"), counted(2, "repository", "repositories")] == [
        "1 tag",
        "1,234 tags",
        "2 repositories",
    ]
    assert label_changes(["a=b=c", "d="], ["e"]) == {"a": "b=c", "d": "", "e": None}
    with pytest.raises(click.UsageError):
        description_of("text", "file")
