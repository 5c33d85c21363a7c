"""The collector of the soak: a process beside the servers that collects ten times a second, until it is ended.

`python -m tests.soak.collector DATA` with the settings of the servers in the environment. At its end it writes a line
of JSON: what it did, and what the store holds then.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter

from holdfast.app.config import Settings, load
from holdfast.app.engines import Engines, engines
from holdfast.app.registry_settings import registry_settings
from holdfast.blobs.port import BlobStore
from holdfast.registry.collect.service import Collect
from holdfast.registry.sweep.service import Sweep

_EVERY = 0.1


async def collect(found: Engines, settings: Settings) -> Counter[str]:
    """One run of everything: links and rows first, then objects."""
    core = registry_settings(settings)
    done = await Collect(found.db, core).run()
    swept = await Sweep(found.db, found.blobs, core).run()
    return Counter({"links": done.links, "contents": done.contents, "objects": swept.objects})


async def main(data: str) -> None:
    settings = load({"data": data}, os.environ).settings
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    sums: Counter[str] = Counter()
    async with engines(settings) as found:
        while not ended.is_set():
            began = time.monotonic()
            sums.update(await collect(found, settings))
            sums["runs"] += 1
            rest = _EVERY - (time.monotonic() - began)
            try:
                await asyncio.wait_for(ended.wait(), max(rest, 0.001))
            except TimeoutError:
                continue
        await Collect(found.db, registry_settings(settings)).shrink()
        sizes = await stored(found.blobs)
    print(json.dumps({**sums, "left": len(sizes), "bytes": sum(sizes)}), flush=True)


async def stored(blobs: BlobStore) -> list[int]:
    """The sizes of all objects."""
    pages = blobs.keys()
    keys = [key async for page in pages for key in page]
    return [size for key in keys if (size := await blobs.size(key)) is not None]


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
