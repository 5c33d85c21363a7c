"""One very large layer up and down: does memory grow with it, and how long is it from the last byte to the answer.

Each server does it on a fresh directory, started just before each direction, so that no earlier work has already
grown its heap; one server at a time, so that the disk holds the layer once. What was pushed is dropped from the page
cache before it is pulled: a server that writes past the cache is not compared with one that reads from it.
"""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from bench.connection import Broken
from bench.figures import Absent, Figures, summarise
from bench.load import Load, run_slice
from bench.peers import log_in
from bench.pushes import PushLayers
from bench.reads import Request, fetching
from bench.server import Server
from bench.workload import layers

UPLOAD = "growth-upload"
DOWNLOAD = "growth-download"
_REPOSITORY = "bench/growth"
_LOAD = Load(clients=1, seconds=0, watch=True)


@dataclass(frozen=True, slots=True)
class Growth:
    """What one server did with the layer."""

    upload: Figures | Absent
    download: Figures | Absent


def measure(server: Server, size: int) -> Growth:
    """Push and pull one layer of `size` bytes; a server that fails is `Absent` from then on, with the reason."""
    fresh = replace(server, root=server.root.with_name(f"{server.name}-growth"), port=0)
    body = layers(size).unique("growth 1")
    try:
        fresh.start()
        if fresh.basic:
            log_in(fresh)
        upload = summarise(
            [run_slice(fresh, lambda _client, _turn: PushLayers(_REPOSITORY, "growth", size, patched=False), _LOAD, 0)]
        )
    except (OSError, RuntimeError, Broken) as problem:
        fresh.stop()
        return Growth(Absent(str(problem)), Absent("nothing to download"))
    try:
        fresh.stop()
        _forget(fresh.root)
        fresh.start()
        connection = fresh.connect()
        request = connection.request("GET", f"/v2/{_REPOSITORY}/blobs/{body.digest}")
        connection.close()
        download = summarise([run_slice(fresh, fetching([Request(request, size, body.digest)]), _LOAD, 0)])
        return Growth(upload, download)
    except (OSError, RuntimeError, Broken) as problem:
        return Growth(upload, Absent(str(problem)))
    finally:
        fresh.stop()
        shutil.rmtree(fresh.root, ignore_errors=True)


def _forget(root: Path) -> None:
    """Drop every file below `root` from the page cache, after its bytes have reached the disk."""
    os.sync()
    for file in root.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)
