"""A real Prometheus, of Debian's package, with short intervals."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.ports import free_port
from tests.serving import pause

PATIENCE = 60.0


def tool(name: str) -> str:
    """Where a program of Prometheus is; skips without it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine; Debian has it in prometheus")
    return found


def hastened(rules: str) -> str:
    """The shipped rules with spans of seconds: what they say is the same."""
    rules = re.sub(r"for: \d+[mh]", "for: 0s", rules)
    return re.sub(r"\[\d+[mh]\]", "[20s]", rules)


class Prometheus:
    """One that scrapes; made by `running_prometheus`."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str) -> Any:
        """The `data` of an answer of its API."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as answer:
            return json.load(answer)["data"]

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {
            each["labels"]["alertname"] for each in self.ask("/api/v1/alerts")["alerts"] if each["state"] == "firing"
        }

    def until_firing(self, *names: str) -> None:
        """Return when these alerts fire."""
        self.until(lambda: {*names} <= self.firing(), f"{names} do not fire")

    def until_quiet(self, *names: str) -> None:
        """Return when none of these alerts fires any more."""
        self.until(lambda: not {*names} & self.firing(), f"{names} go on firing")

    def until(self, condition: Any, what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"{what}; these do: {self.firing()}"
            pause(0.2)


@contextlib.contextmanager
def running_prometheus(place: Path, target: str, rules: str) -> Iterator[Prometheus]:
    """Scrape `target` (host:port) every second and judge `rules` every second."""
    place.mkdir()
    (place / "rules.yml").write_text(hastened(rules), encoding="utf-8")
    (place / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
        "rule_files: [rules.yml]\n"
        f"scrape_configs: [{{job_name: holdfast, static_configs: [{{targets: ['{target}']}}]}}]\n",
        encoding="utf-8",
    )
    port = free_port()
    command = [tool("prometheus"), f"--config.file={place}/prometheus.yml", f"--storage.tsdb.path={place}/data"]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _ready(port):
            assert process.poll() is None, (place / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, (place / "log").read_text()[-2000:]
            pause(0.1)
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
