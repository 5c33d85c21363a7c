"""`holdfast webhook` against a real server with its worker, and a real receiver."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.cli.shell import Shell
from tests.serving import pause, running_server
from tests.webhooks.test_processes import PATIENCE, push, target

_LOOK = 0.05


def test_the_verbs(tmp_path: Path) -> None:
    flags = ("--open", "--allow-private-targets", "127.0.0.1/32")
    shell = Shell(tmp_path)
    (tmp_path / "body.json").write_text('{"text": "${image} is new"}')
    with target() as receiver, running_server(tmp_path / "server", *flags) as server:
        shell.environment["HOLDFAST_URL"] = server.url
        made = shell.run("webhook", "create", "team", receiver.url, "--header", "X-Room=secret word")
        assert re.fullmatch(r"whsec_[0-9A-Za-z+/=]{44}\n", made.stdout)
        assert "webhook 1 (127.0.0.1) tells" in made.stderr
        refused = shell.run("webhook", "create", "team", "http://10.0.0.1/", status=1)
        assert "HOLDFAST_ALLOW_PRIVATE_TARGETS would have to name its network" in refused.stderr
        shell.run("webhook", "create", "team", receiver.url, "--header", "nothing", status=2)
        own = json.loads(
            shell.says(
                "webhook", "create", "/", receiver.url, "--template", str(tmp_path / "body.json"), "--no-sign", "--json"
            )
        )
        assert (own["shape"], own["secret"], own["path"]) == ("template", None, "")
        assert "taken: 204 after" in shell.says("webhook", "test", "1")
        assert "secret word" not in shell.says("webhook", "show", "1")
        pushed = push(server, "team/app", 1)
        deliveries = shell.says("webhook", "deliveries", "1", "--json", "--state", "delivered")
        for _ in range(round(PATIENCE / _LOOK)):
            items = json.loads(deliveries)["items"]
            if any(each["kind"] == "manifest.pushed" for each in items):
                break
            pause(_LOOK)
            deliveries = shell.says("webhook", "deliveries", "1", "--json", "--state", "delivered")
        (event,) = [each["event"] for each in items if each["kind"] == "manifest.pushed"]
        assert pushed in shell.says("webhook", "deliveries", "1", "--event", str(event))
        before = len(receiver.seen)
        assert f"event {event} is told again" in shell.says("webhook", "redeliver", "1", str(event))
        receiver.until(before + 1)
        shell.run("webhook", "redeliver", "1", status=2)
        assert "0 deliveries wait again" in shell.says("webhook", "redeliver", "1", "--failed-since", "2h")
        assert "1 events are told again" in shell.says("webhook", "redeliver", "1", "--after", "0")
        assert "v*" in shell.says("webhook", "edit", "1", "--tag", "v*")
        assert "tags          all" in shell.says("webhook", "edit", "1", "--no-tags")
        shell.run("webhook", "edit", "1", status=2)
        assert re.fullmatch(r"whsec_.*\n", shell.run("webhook", "rotate", "1", "--overlap", "7d").stdout)
        assert "webhook 1 is disabled" in shell.says("webhook", "disable", "1")
        assert "disabled" in shell.says("webhook", "list", "--path", "team")
        shell.run("webhook", "enable", "1")
        shell.run("webhook", "delete", "1", "--yes")
        assert [each["id"] for each in json.loads(shell.says("webhook", "list", "--json"))["items"]] == [own["id"]]
        assert "no webhook 1" in shell.run("webhook", "show", "1", status=1).stderr


def test_a_test_that_is_not_taken_ends_with_1(tmp_path: Path) -> None:
    flags = ("--open", "--allow-private-targets", "127.0.0.1/32")
    shell = Shell(tmp_path)
    with running_server(tmp_path / "server", *flags) as server:
        shell.environment["HOLDFAST_URL"] = server.url
        shell.run("webhook", "create", "team", "http://127.0.0.1:1/hook")
        assert "it takes no connection" in shell.run("webhook", "test", "1", status=1).stdout
