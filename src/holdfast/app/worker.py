"""The process that runs jobs: alone (`holdfast worker`), or a child of the server's supervisor (worker_child.py).

Promises: a stop (SIGTERM, SIGINT) takes no new jobs, gives the running ones `stop_timeout`, and gives the rest back.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from holdfast import __version__
from holdfast.access.installation import installation_id
from holdfast.app.auditing import make_sealer
from holdfast.app.config import Settings
from holdfast.app.engines import engines
from holdfast.app.features import FEATURES
from holdfast.app.foreseen import FORESEEN
from holdfast.app.metrics.listener import listening
from holdfast.app.metrics.numbers import Numbers, beat
from holdfast.app.metrics.shared import Shared, share_alone
from holdfast.app.tasks import schedules, tasks
from holdfast.app.tracing.opening import open_told
from holdfast.app.upkeep import end_upkeep, fold_counts, renew_keys
from holdfast.db.nodes import Pulse
from holdfast.feature.telling import Teller
from holdfast.jobs.worker import Worker
from holdfast.telemetry.meters import Meters
from holdfast.telemetry.pages import Role
from holdfast.telemetry.traces import Traces

_STOPS = (signal.SIGTERM, signal.SIGINT)


def run(settings: Settings, shared: Shared | None = None, *, alone: bool = True) -> int:
    """Work until told to stop; returns the exit status. `alone`: as a node of its own, not as a part of a server, with
    which it counts in what is `shared`."""
    try:
        asyncio.run(_work(settings, shared or share_alone(settings), alone=alone))
    except (*FORESEEN, OSError) as error:
        sys.stderr.write(f"holdfast: worker: {error}\n")
        return 1
    return 0


@asynccontextmanager
async def _closed(traces: Traces | None) -> AsyncIterator[None]:
    """In the end, send what is left of them."""
    try:
        yield
    finally:
        if traces is not None:
            await traces.close()


async def _work(settings: Settings, shared: Shared, *, alone: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOPS:
        loop.add_signal_handler(number, stop.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    traces, events = open_told(settings, Role.JOBS)
    meters = Meters(shared.book.claim(Role.JOBS))
    async with (
        _closed(traces),
        engines(settings, meters, traces) as opened,
        listening(Numbers(shared.book, opened.db, opened.blobs, settings), shared.listener),
    ):
        upkeep = [asyncio.create_task(renew_keys(opened.objects, events))]
        upkeep.append(asyncio.create_task(fold_counts(opened.db, events)))
        sealer = await make_sealer(settings, opened.db, opened.master, await installation_id(opened.db), events)
        upkeep.append(asyncio.create_task(sealer.run()))
        upkeep.append(asyncio.create_task(Teller(opened.db, FEATURES, events).run()))
        upkeep.append(asyncio.create_task(beat(meters)))
        if alone:
            upkeep.append(asyncio.create_task(Pulse(opened.db, "worker", __version__).run()))
        worker = Worker(
            opened.db,
            tasks(settings, opened, meters=meters, traces=traces),
            schedules(),
            name=f"{socket.gethostname()}/{os.getpid()}",
            events=events,
            slots=settings.jobs.slots,
            lease=settings.jobs.lease.total_seconds(),
            grace=settings.stop_timeout.total_seconds(),
        )
        try:
            await worker.run(stop)
        finally:
            await end_upkeep(upkeep, events)
