"""The process that runs jobs: alone (`holdfast worker`), or a child of the server's supervisor (worker_child.py).

Promises: a stop (SIGTERM, SIGINT) takes no new jobs, gives the running ones `stop_timeout`, and gives the rest back.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

from holdfast import __version__
from holdfast.access.installation import installation_id
from holdfast.app.auditing import make_sealer
from holdfast.app.config import Settings
from holdfast.app.engines import engines
from holdfast.app.foreseen import FORESEEN
from holdfast.app.tasks import schedules, tasks
from holdfast.app.upkeep import end_upkeep, fold_counts, renew_keys
from holdfast.db.nodes import Pulse
from holdfast.jobs.worker import Worker
from holdfast.telemetry.events import make_events

_STOPS = (signal.SIGTERM, signal.SIGINT)


def run(settings: Settings, *, alone: bool = True) -> int:
    """Work until told to stop; returns the exit status. `alone`: as a node of its own, not as a part of a server."""
    try:
        asyncio.run(_work(settings, alone=alone))
    except FORESEEN as error:
        sys.stderr.write(f"holdfast: worker: {error}\n")
        return 1
    return 0


async def _work(settings: Settings, *, alone: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOPS:
        loop.add_signal_handler(number, stop.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    events = make_events(settings.log.level, settings.log.format)
    async with engines(settings) as opened:
        upkeep = [asyncio.create_task(renew_keys(opened.objects, events))]
        upkeep.append(asyncio.create_task(fold_counts(opened.db, events)))
        sealer = await make_sealer(settings, opened.db, opened.master, await installation_id(opened.db), events)
        upkeep.append(asyncio.create_task(sealer.run()))
        if alone:
            upkeep.append(asyncio.create_task(Pulse(opened.db, "worker", __version__).run()))
        worker = Worker(
            opened.db,
            tasks(settings, opened),
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
