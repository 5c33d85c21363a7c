"""`holdfast events` and `holdfast watch`, as they are typed, against a real server that is started again meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.following import running
from tests.cli.program import holdfast
from tests.serving import Server, pause, running_server
from tests.wire.client import Connection
from tests.wire.content import OCI_MANIFEST, digest, encoded, image

_LOOKS = 300


class Desk:
    """Somebody who types verbs at a server that is open to everyone."""

    def __init__(self, place: Path, server: Server) -> None:
        self.place = place
        self.server = server
        self.env = {"HOLDFAST_URL": server.url}

    def types(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """What a verb says."""
        return holdfast(self.place, *words, status=status, **self.env)

    def push(self, repository: str, tag: str, what: str = "") -> str:
        """Push an image and give its digest."""
        connection = Connection(self.server.port)
        config = encoded({"architecture": "amd64", "os": "linux", "author": f"{repository}:{tag}{what}"})
        data = image(config)
        connection.ask("POST", f"/v2/{repository}/blobs/uploads/?digest={digest(config)}", config)
        put = connection.ask("PUT", f"/v2/{repository}/manifests/{tag}", data, {"Content-Type": OCI_MANIFEST})
        connection.close()
        assert put.status == 201, put
        return digest(data)

    def until(self, said: str, *words: str) -> str:
        """What a verb says once it says `said`."""
        for _ in range(_LOOKS):
            text = self.types(*words).stdout
            if said in text:
                return text
            pause(0.1)
        raise AssertionError(f"{' '.join(words)} never says {said}")

    def script(self, name: str, text: str) -> Path:
        """A program of a few lines of Python that sees what `watch` gave it."""
        file = self.place / name
        file.write_text(f"#!{sys.executable}\nimport os, sys, json, pathlib, time\ne = os.environ\n{text}\n")
        file.chmod(0o755)
        return file


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    place = tmp_path_factory.mktemp("events")
    with running_server(place / "server", "--open") as server:
        yield Desk(place, server)


def _ids(lines: list[str]) -> list[int]:
    return [int(json.loads(line)["id"]) for line in lines]


def test_events_are_lines_and_cloud_events(desk: Desk) -> None:
    pushed = desk.push("list/web", "v1")
    text = desk.until("manifest.pushed", "events", "--repository", "list/**")
    (line,) = text.splitlines()
    place, _, _, _, kind, about, short, who = line.split()
    assert (kind, about, who) == ("manifest.pushed", "list/web:v1", "anonymous")
    assert short == pushed[:19]
    (one,) = desk.types("events", "--repository", "list/web", "--since", "1h", "--json").stdout.splitlines()
    event = json.loads(one)
    assert (event["specversion"], event["id"], event["type"]) == ("1.0", place, "holdfast.manifest.pushed")
    assert event["source"] == desk.server.url
    assert desk.types("events", "--after", place, "--repository", "list/**").stdout == ""
    assert desk.types("events", "--after", str(int(place) - 1), "--limit", "1", "--json").stdout == one + "\n"
    assert desk.types("events", "--tag", "v2*", "--repository", "list/**").stdout == ""
    assert "no events of the type" in desk.types("events", "--type", "nonsense", status=1).stderr


def test_following_loses_and_repeats_nothing_when_the_server_is_started_again(desk: Desk) -> None:
    with running(
        desk.place, "events", "--follow", "--repository", "again/**", "--json", "--after", "0", **desk.env
    ) as verb:
        desk.push("again/web", "v0")
        lines = [verb.line()]
        desk.server.stop()
        verb.said("going on when it is back")
        desk.server.start()
        for number in range(1, 4):
            desk.push("again/web", f"v{number}")
        lines += [verb.line() for _ in range(3)]
        desk.server.kill9()
        desk.server.start()
        desk.push("again/web", "v4")
        lines.append(verb.line())
        assert verb.end() == 0
        assert verb.rest() == []
    tags = [json.loads(line)["subject"] for line in lines]
    assert tags == [f"again/web:v{number}" for number in range(5)]
    assert _ids(lines) == sorted(set(_ids(lines)))


def test_who_reads_no_more_ends_it(desk: Desk) -> None:
    """As in `holdfast events --follow | head -1`."""
    read, write = os.pipe()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    words = [sys.executable, "-m", "holdfast", "events", "--follow", "--after", "0"]
    process = subprocess.Popen(words, stdout=write, stderr=subprocess.PIPE, env={**kept, **desk.env}, text=True)
    os.close(write)
    assert os.read(read, 1)
    os.close(read)
    desk.push("pipe/web", "v1")
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_a_registry_that_never_answered_is_said_at_once(desk: Desk) -> None:
    found = holdfast(desk.place, "events", "--follow", status=3, HOLDFAST_URL="http://127.0.0.1:1")
    assert "does not answer" in found.stderr


def test_watch_runs_a_command_for_each_move_of_a_tag(desk: Desk) -> None:
    names = "HOLDFAST_REPOSITORY HOLDFAST_TAG HOLDFAST_DIGEST HOLDFAST_REFERENCE"
    script = desk.script(
        "tell.py",
        f"kind = json.loads(e['HOLDFAST_EVENT'])['type']\n"
        f"print(*(e[n] for n in '{names}'.split()), kind, *sys.argv[1:], flush=True)",
    )
    line = f"'{script}' 'two words'"
    with running(desk.place, "watch", "run/web", "--tag", "prod*", "--exec", line, **desk.env) as verb:
        verb.said("there is no run/web in your sight yet")
        desk.push("run/web", "dev")
        first = desk.push("run/web", "prod-1")
        host = desk.server.host
        assert verb.line() == (f"run/web prod-1 {first} {host}/run/web@{first} holdfast.manifest.pushed two words")
        assert "running" in verb.said("run/web:prod-1 is")
        desk.types("promote", "run/web:dev", "run/web:prod-1")
        assert "holdfast.image.promoted" in verb.line()
        desk.types("rollback", "run/web:prod-1", "--to", _before_last(desk, "run/web:prod-1"), "--yes")
        back = verb.line()
        assert first in back, "a rollback moves tags, too"
        assert "holdfast.rollback.applied" in back
        desk.types("rollback", "run/web:prod-1", "--to", _before_last(desk, "run/web:prod-1"), "--yes")
        assert "holdfast.rollback.applied" in verb.line()
        assert verb.end(signal.SIGTERM) == 0


def _before_last(desk: Desk, image: str) -> str:
    """The instant before the last change of a tag."""
    newest, before, *_ = json.loads(desk.types("history", image, "--json").stdout)["items"]
    assert newest["at"] > before["at"]
    return str(before["at"])


def test_watch_folds_what_happens_meanwhile_and_goes_on_from_its_file(desk: Desk) -> None:
    gate = desk.place / "gate"
    script = desk.script(
        "slow.py",
        f"g = pathlib.Path({str(gate)!r})\n"
        "print(e['HOLDFAST_TAG'], e['HOLDFAST_DIGEST'], flush=True)\n"
        "for _ in range(6000):\n    if g.exists(): break\n    time.sleep(0.01)",
    )
    words = ("watch", "fold/*", "--tag", "prod", "--tag", "stage", "--state", "fold.json", "--", str(script))
    desk.push("fold/web", "old")
    with running(desk.place, *words, **desk.env) as verb:
        _wait_for(desk.place / "fold.json")
        first = desk.push("fold/web", "prod", "1")
        assert verb.line() == f"prod {first}"
        desk.push("fold/web", "prod", "2")
        desk.push("fold/web", "prod", "3")
        last = desk.push("fold/web", "prod", "4")
        stage = desk.push("fold/web", "stage", "4")
        desk.until("fold/web:stage", "events", "--repository", "fold/web")
        gate.touch()
        assert [verb.line(), verb.line()] == [f"prod {last}", f"stage {stage}"]
        _wait_for(desk.place / "fold.json", stage)
        assert verb.end() == 0
    away = desk.push("fold/web", "prod", "5")
    with running(desk.place, *words, **desk.env) as verb:
        assert verb.line() == f"prod {away}", "what happened while it was not running"
        _wait_for(desk.place / "fold.json", away)
        assert verb.end() == 0
        assert verb.rest() == []


def _wait_for(file: Path, text: str = "") -> None:
    for _ in range(_LOOKS):
        if file.exists() and text in file.read_text():
            return
        pause(0.05)
    raise AssertionError(f"{file.name} never has {text}")


def test_a_command_that_fails_is_run_again_and_told(desk: Desk) -> None:
    marks = desk.place / "marks"
    script = desk.script(
        "fail.py", f"m = pathlib.Path({str(marks)!r})\nm.open('a').write('x')\nsys.exit(len(m.read_text()) < 3)"
    )
    desk.push("fail/web", "prod")
    desk.until("fail/web:prod", "events", "--repository", "fail/web")
    words = ("watch", "fail/web", "--tag", "prod", "--since", "1h", "--once", "--exec", str(script))
    gone = desk.types(*words, status=1)
    assert "ended with status 1 for fail/web:prod; given up" in gone.stderr
    done = desk.types(*words, "--retry", "3", "--json")
    assert "again in 1 s" in done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["status"] for each in told] == [1, 0]
    assert {each["tag"] for each in told} == {"prod"}
    assert "nothing changed for 1s" in desk.types(*words[:4], "--timeout", "1s", "--exec", "true", status=1).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("watch", "a/b"), "say what to run"),
        (("watch", "a/b", "--exec", "x", "--", "y"), "say what to run"),
        (("watch", "a/b", "--exec", "'x"), "no closing quotation"),
        (("watch", "a/b", "--exec", " "), "names no command"),
        (("watch", "a/b", "--exec", "x", "--timeout", "soon"), "is no span of time"),
        (("events", "--since", "never"), "is no time"),
        (("events", "--after", "-1"), "--after"),
    ],
)
def test_words_that_make_no_sense_are_status_2(desk: Desk, words: tuple[str, ...], said: str) -> None:
    assert said in desk.types(*words, status=2).stderr


def test_a_file_that_is_no_state_is_refused(desk: Desk) -> None:
    (desk.place / "other.json").write_text("[]")
    found = desk.types("watch", "a/b", "--exec", "true", "--state", "other.json", status=1)
    assert "no state of `holdfast watch`" in found.stderr
