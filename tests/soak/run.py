"""The soak: pushers and deleters against a real server, with the collector ten times a second beside it.

Promises: everything that was started has ended; a `Report` says whether the run proves anything (enough was collected,
few pushes were slower than their lease) and whether anything was wrong. The seed is in every report.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.databases import Tables
from tests.faults.oracle import verify
from tests.pairs import Pair
from tests.serving import Server, pause, running_server
from tests.soak.client import Odd, Tally
from tests.soak.pace import Pace
from tests.soak.pusher import Pusher, Terms
from tests.soak.wares import Ware

from holdfast.app.config import load

LEASE, GRACE = 2, 1
ROOM = 1.3
SLOW = 0.05
_SETTLE_SECONDS = 90
_LONGEST = 240
"""Seconds that a slow machine has beyond the plan's to reach its pushes."""
_LIVES = (0.7, 1.6)
"""How long a collector lives that is killed, seconds; some part of it is its start."""
_LEFT = "select (select count(*) from candidate) + (select count(*) from orphan) + (select count(*) from doomed)"


@dataclass(frozen=True, slots=True)
class Plan:
    """One run, of at least `seconds` and `pushes`. `window`: seconds of history. `deleted`: how many contents, and how
    many objects, must have gone.
    `kills`: the collector is killed again and again at random moments, and started anew."""

    pair: Pair = Pair.EMBEDDED
    workers: int = 1
    window: int = 0
    seconds: float = 20
    pushes: int = 1300
    pushers: int = 10
    seed: int = 1
    deleted: int = 1000
    kills: bool = False

    def __str__(self) -> str:
        killed = ", the collector killed again and again" if self.kills else ""
        return f"{self.pair}, {self.workers} worker(s), window {self.window} s, seed {self.seed}{killed}"


@dataclass
class Report:
    """What a run found. Bytes are what the live images need (`live`), what is stored for them, and on the disk."""

    plan: Plan
    tally: Tally = field(default_factory=Tally)
    collected: dict[str, int] = field(default_factory=dict)
    images: int = 0
    contents_deleted: int = 0
    objects_deleted: int = 0
    live: int = 0
    stored: int = 0
    disk: int = 0

    def problems(self) -> list[str]:
        """Why the run failed, or proves nothing; empty when it is good."""
        tally, counts = self.tally, self.tally.counts
        found = [f"broken: {each}" for each in tally.broken]
        found += [f"wrongly refused: {each}" for each in tally.refused]
        found += [f"odd: {each}" for each in tally.odd]
        if self.contents_deleted < self.plan.deleted or self.objects_deleted < self.plan.deleted:
            found.append(
                f"only {self.contents_deleted} contents and {self.objects_deleted} objects were deleted: a run that "
                f"collects less than {self.plan.deleted} proves nothing"
            )
        for name, size in (("stored", self.stored), ("disk", self.disk)):
            if size > ROOM * self.live:
                found.append(f"{name}: {size} bytes are kept for {self.live} live ones")
        if counts["slow"] > SLOW * counts["pushes"]:
            found.append(f"void: {counts['slow']} of {counts['pushes']} pushes were slower than their lease")
        return found

    def table(self) -> str:
        """The figures, a line each."""
        counts = self.tally.counts
        lines = {
            "acknowledged pushes": counts["pushes"],
            "  of them indexes / signatures / again": (
                f"{counts['pushes: index']} / {counts['pushes: signature']} / {counts['pushes again']}"
            ),
            "blobs uploaded / mounted / skipped after HEAD": (
                f"{counts['blobs uploaded']} / {counts['blobs mounted']} / {counts['blobs skipped']}"
            ),
            "tags rolled back / undeleted": f"{counts['tags rolled back']} / {counts['tags undeleted']}",
            "tags / manifests deleted": f"{counts['tags deleted']} / {counts['manifests deleted']}",
            "pulls while it ran / inside the window": f"{counts['pulls']} / {counts['pulls inside the window']}",
            "live images pulled at the end": self.images,
            "acknowledged images broken": len(self.tally.broken),
            "pushes wrongly refused": len(self.tally.refused),
            "answers that nothing explains": len(self.tally.odd),
            "pushes slower than their lease (refused)": f"{counts['slow']} ({counts['slow and refused']})",
            "slowest push": f"{self.tally.slowest:.2f} s",
            "runs of the collector": self.collected.get("runs", 0),
            "contents / objects really deleted": f"{self.contents_deleted} / {self.objects_deleted}",
            "live / stored / disk, MiB": " / ".join(f"{n / 2**20:.1f}" for n in (self.live, self.stored, self.disk)),
            "disk for each live byte": f"{self.disk / max(self.live, 1):.2f}",
        }
        width = max(map(len, lines))
        return "\n".join([str(self.plan), *(f"  {name:{width}}  {value}" for name, value in lines.items())])


def soak(place: Path, plan: Plan) -> Report:
    """One run in the directory `place`."""
    report = Report(plan)
    env = {
        "HOLDFAST_LEASE": f"{LEASE}s",
        "HOLDFAST_COLLECT_GRACE": f"{GRACE}s",
        "HOLDFAST_WINDOW": f"{plan.window}s",
        "HOLDFAST_LOG_LEVEL": "warning",
    }
    with running_server(place, "--open", "--workers", str(plan.workers), env=env, pair=plan.pair) as server:
        collector = _Collector(server)
        try:
            pushers = _push(server.port, plan, collector)
            for each in pushers:
                report.tally.add(each.tally)
            if not report.tally.odd:
                _settle(server, plan)
                _pull_all(server.port, pushers, plan, report)
            report.collected = collector.end()
            _measure(server, pushers, report)
            if not report.tally.odd:
                verify(server.data, "--deep", env=server.env)
        finally:
            collector.kill()
    report.disk = report.disk or _disk(server.data)
    return report


def _push(port: int, plan: Plan, collector: _Collector) -> list[Pusher]:
    """Let the pushers work for as long as the plan says; they have ended."""
    chance = random.Random(plan.seed)
    stopped = threading.Event()
    terms = Terms(LEASE, plan.window, time.monotonic(), plan.seed, Pace(plan.pushers))
    pushers = [Pusher(port, number, terms, stopped) for number in range(1, plan.pushers + 1)]
    for each in pushers:
        each.start()
    while not stopped.wait(chance.uniform(*_LIVES)):
        over = time.monotonic() - terms.began - plan.seconds
        if over > _LONGEST or (over > 0 and sum(each.tally.counts["pushes"] for each in pushers) >= plan.pushes):
            break
        if plan.kills:
            collector.kill()
            collector.start()
    stopped.set()
    for each in pushers:
        each.join(90)
        assert not each.is_alive(), "a request was not answered for 90 seconds"
    return pushers


def _pull_all(port: int, pushers: list[Pusher], plan: Plan, report: Report) -> None:
    """Pull everything that was acknowledged and not deleted, by tag and by digest."""
    before = sum(each.tally.counts["pulls"] for each in pushers)
    for each in pushers:
        again = Pusher(port, 0, Terms(LEASE, plan.window, time.monotonic(), 0), threading.Event())
        again.shelves = each.shelves
        try:
            for repository, shelf in again.shelves.items():
                for tag in shelf.tags:
                    again.check(repository, tag)
        except Odd as error:
            again.tally.odd.append(f"at the end: {error}")
        again.client.close()
        report.images += again.tally.counts.pop("pulls", 0)
        report.tally.add(again.tally)
    assert before == sum(each.tally.counts["pulls"] for each in pushers)


def _settle(server: Server, plan: Plan) -> None:
    """Return when nothing waits for the collector any more. What a manifest kept waits a lease after it."""
    tables = Tables(server.env.get("HOLDFAST_DATABASE", str(server.data / "holdfast.db")))
    try:
        for _ in range((_SETTLE_SECONDS + plan.window) * 5):
            if tables.sql(_LEFT) == [0]:
                return
            pause(0.2)
    finally:
        tables.close()


def _measure(server: Server, pushers: list[Pusher], report: Report) -> None:
    """What is live, what is stored for it, and what has gone."""
    live: dict[str, int] = {}
    for each in pushers:
        for shelf in each.shelves.values():
            for ware in shelf.everything():
                live.update(_sizes(ware))
    report.live = sum(live.values())
    tables = Tables(server.env.get("HOLDFAST_DATABASE", str(server.data / "holdfast.db")))
    try:
        left = set(tables.sql("select digest from content"))
        inline = tables.sql("select coalesce(sum(length(bytes)), 0) from body")[0]
    finally:
        tables.close()
    report.stored = int(inline) + report.collected["bytes"]
    report.contents_deleted = len(set(report.tally.told) - left)
    inline_limit = load({}, {}).settings.storage.inline
    large = sum(size > inline_limit for size in report.tally.told.values())
    report.objects_deleted = large - report.collected["left"]
    if report.plan.pair.distant:
        report.disk = report.stored


def _sizes(ware: Ware) -> Mapping[str, int]:
    return {ware.digest: len(ware.document), **{blob.digest: blob.size for blob in ware.blobs}}


def _disk(data: Path) -> int:
    """What a data directory takes, the server ended."""
    return sum(each.stat().st_blocks * 512 for each in data.rglob("*") if each.is_file())


class _Collector:
    """The process that collects."""

    def __init__(self, server: Server) -> None:
        self._log = server.logs / "collector.log"
        self._command = [sys.executable, "-m", "tests.soak.collector", str(server.data)]
        self._env = {**os.environ, **server.env}
        self.start()

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log, env=self._env)

    def end(self) -> dict[str, int]:
        """End it; gives its sums."""
        self._process.terminate()
        said, _ = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, f"the collector failed: {self._log.read_text()[-4000:]}"
        sums: dict[str, int] = json.loads(said)
        return sums

    def kill(self) -> None:
        """End it as a crash does, if it still runs; it has not failed before."""
        ended = self._process.poll()
        self._process.kill()
        self._process.communicate(timeout=60)
        assert not ended, f"the collector failed: {self._log.read_text()[-4000:]}"
