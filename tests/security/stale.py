"""A server in which the account of a caller changes after it was recognised, and before anything is done for it.

`stale_server` is such a server for requests with the header `X-Stale`: its process runs `OUTDATING` at its start, as
`sitecustomize`. What a use-case then relies on was decided of an account that is not what it was, each time that the
frame decides anew: whoever proves it answers 409.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.serving import Server, running_server

HEADER = {"X-Stale": "yes"}
OUTDATING = """
from holdfast.api.frame import Frame
from holdfast.db.query import Command

MOVE = Command("update policy set version = version + 1")
CHANGE = Command("update account set changed = (select version from policy where id = 1) where id = :id")
run = Frame._run

async def outdated(frame, exchange, scope, body):
    if b"x-stale" in exchange.incoming.headers and exchange.caller is not None:
        async def change(unit):
            await unit.run(MOVE)
            await unit.run(CHANGE, id=exchange.caller.who.subject.id)

        await frame._gate.access._db.write(change)
    await run(frame, exchange, scope, body)

Frame._run = outdated
"""


@contextmanager
def stale_server(path: Path) -> Iterator[Server]:
    """Run it, with its files in `path`."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "sitecustomize.py").write_text(OUTDATING)
    places = [str(path), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {"PYTHONPATH": os.pathsep.join(places), "HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.1/32"}
    with running_server(path, env=env) as server:
        yield server
