"""A push redeploys a toy service, by typing what one page says: real registry, real push, real receiver."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.clients.programs import INSTALLED, SYSTEM, private_environment
from tests.docs import pages
from tests.ports import free_port
from tests.serving import pause

from holdfast.webhooks.signature import new_secret, signed_headers

PAGE = pages.HOW_TO / "redeploy.md"
_SAVED = re.compile(r"save as `([a-z.]+)`:$", re.IGNORECASE)
_TERMINAL = re.compile(r"<!-- terminal: ([a-z]+)(?:, then: (.+))? -->")
_PATIENCE = 60.0


class Step(NamedTuple):
    """A block of the page: a file to save, or what to type in a terminal, and what it says sooner or later."""

    line: int
    file: str
    terminal: str
    then: str
    text: str


def steps() -> list[Step]:
    """What somebody who follows the page does, in its order."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = []
    for block in pages.blocks(PAGE):
        above = [line for line in lines[: block.line - 1] if line.strip()][-1]
        saved, terminal = _SAVED.search(above), _TERMINAL.fullmatch(above)
        if saved is not None:
            found.append(Step(block.line, saved[1], "", "", block.text))
        elif terminal is not None:
            found.append(Step(block.line, "", terminal[1], terminal[2] or "", block.text))
    return found


class Desk:
    """A directory with its terminals; `meanings`: what stands on the page, and what stands for it here."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.registry, self.receiver, self.toy = free_port(), free_port(), free_port()
        self.meanings = {
            "127.0.0.1:5000": f"127.0.0.1:{self.registry}",
            "127.0.0.1:9000": f"127.0.0.1:{self.receiver}",
            '("127.0.0.1", 9000)': f'("127.0.0.1", {self.receiver})',
            "127.0.0.1:8080": f"127.0.0.1:{self.toy}",
            '("127.0.0.1", 8080)': f'("127.0.0.1", {self.toy})',
        }
        places = (Path(sys.executable).parent, *INSTALLED, *SYSTEM)
        self.env = {**private_environment(home), "PATH": os.pathsep.join(map(str, places))}

    def written(self, text: str) -> str:
        for page, here in self.meanings.items():
            text = text.replace(page, here)
        return text

    def save(self, step: Step) -> None:
        (self.home / step.file).write_text(self.written(step.text))

    def type(self, step: Step) -> str:
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", self.written(step.text)],
            cwd=self.home,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"line {step.line}: {done.stdout[-2000:]}{done.stderr[-2000:]}{self.logs()}"
        return done.stdout

    @contextmanager
    def left_open(self, step: Step) -> Iterator[None]:
        """A terminal in which something runs until the end."""
        with (self.home / f"{step.terminal}.log").open("wb") as log:
            process = subprocess.Popen(
                ["/bin/bash", "-euc", self.written(step.text)],
                cwd=self.home,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def said(self, terminal: str) -> str:
        return (self.home / f"{terminal}.log").read_text(errors="replace")

    def logs(self) -> str:
        return "".join(
            f"\n-- {each.name}\n{each.read_text(errors='replace')[-1500:]}" for each in self.home.glob("*.log")
        )


def sooner_or_later(desk: Desk, what: Callable[[], bool], why: str) -> None:
    for _ in range(int(_PATIENCE / 0.1)):
        if what():
            return
        pause(0.1)
    raise AssertionError(why + desk.logs())


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    missing = [name for name in ("crane", "curl") if shutil.which(name, path=made.env["PATH"]) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not on this machine (`make tools` brings the clients)")
    yield made
    toy = tmp_path / "toy.pid"
    if toy.exists():
        with suppress(ProcessLookupError):
            os.kill(int(toy.read_text()), signal.SIGKILL)


def test_the_page_works_as_written(desk: Desk) -> None:
    todo = steps()
    (registry,) = [step for step in todo if step.terminal == "registry"]
    (receiver,) = [step for step in todo if step.terminal == "receiver"]
    place = todo.index(receiver)
    versions = []
    with desk.left_open(registry):
        sooner_or_later(
            desk, lambda: answers(f"http://127.0.0.1:{desk.registry}/readyz"), "the registry does not start"
        )
        (password,) = re.findall(r"^password: (\S+)$", desk.said("registry"), re.MULTILINE)
        desk.meanings["'what the first start printed'"] = f"'{password}'"
        for step in todo[:place]:
            if step.file:
                desk.save(step)
            elif step is not registry:
                desk.type(step)
        with desk.left_open(receiver):
            for step in todo[place + 1 :]:
                if step.file:
                    desk.save(step)
                elif step.then:
                    sooner_or_later(desk, shows(desk, step), f"line {step.line}: the toy is not {step.then}")
                    versions.append(step.then)
                else:
                    last = desk.type(step)
    assert versions == [f"this is version {n}" for n in (1, 2, 1)]
    assert last.count(" delivered ") == 3
    assert len(list((desk.home / "done").iterdir())) == 3


def test_the_other_ways_to_deploy_are_scripts() -> None:
    scripts = [block.text for block in pages.blocks(PAGE) if block.text.startswith("#!/bin/sh")]
    assert len(scripts) == 5
    for script in scripts:
        checked = subprocess.run(["/bin/sh", "-n"], input=script, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def shows(desk: Desk, step: Step) -> Callable[[], bool]:
    def look() -> bool:
        done = subprocess.run(
            ["/bin/bash", "-c", desk.written(step.text)], env=desk.env, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() == step.then

    return look


def test_the_receiver_believes_nothing_that_is_not_signed(desk: Desk) -> None:
    todo = {step.file or step.terminal: step for step in steps()}
    for name in ("receiver.py", "deploy.sh"):
        desk.save(todo[name])
    (desk.home / "deploy.sh").write_text("#!/bin/sh\necho deployed >> deployed\n")
    (desk.home / "secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    with desk.left_open(todo["receiver"]):
        url = f"http://127.0.0.1:{desk.receiver}/"
        sooner_or_later(desk, lambda: status(url, b"{}", {}) is not None, "the receiver does not start")
        body = b'{"image": "registry.example.com/team/toy@sha256:1"}'
        good = signed_headers(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "evt_1", int(time.time()), body)
        old = signed_headers(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "evt_2", int(time.time()) - 301, body)
        foreign = signed_headers([new_secret()], "evt_3", int(time.time()), body)
        for headers in ({}, old, foreign, {**good, "webhook-id": "evt_4"}):
            assert status(url, body, headers) == 401
        assert status(url, body + b" ", good) == 401
        assert not (desk.home / "deployed").exists()
        assert status(url, body, good) == 204
        assert status(url, body, good) == 204, "the same again"
        assert (desk.home / "deployed").read_text() == "deployed\n"


def status(url: str, body: bytes, headers: dict[str, str]) -> int | None:
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return None
