"""Work that must not leave anything behind in the process that serves: done in a child, and its outcome brought back.

The library of buckets starts threads that do not survive a fork, and workers are forked. So a supervisor that is about
to fork touches a bucket only in a child of its own.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable


class ChildFailed(Exception):
    """The work failed in a way that was foreseen; the text is that of its error."""


def in_child(work: Callable[[], str | None], foreseen: tuple[type[Exception], ...]) -> str | None:
    """Run `work` in a forked child and return what it returns.

    Raises `ChildFailed` for an error of `foreseen`; any other one is printed by the child, and `ChildFailed` says so.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _report(work, foreseen, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    if not told:
        raise ChildFailed("a step of the start ended without a word; what it printed stands above")
    outcome: dict[str, str | None] = json.loads(told)
    if "error" in outcome:
        raise ChildFailed(outcome["error"])
    return outcome["result"]


def _report(work: Callable[[], str | None], foreseen: tuple[type[Exception], ...], writing: int) -> None:
    """In the child: work, tell, and end without running anything of the parent's."""
    status = 1
    try:
        try:
            told = {"result": work()}
        except foreseen as error:
            told = {"error": str(error)}
        os.write(writing, json.dumps(told).encode())
        status = 0
    except BaseException:  # nothing may return into the parent's code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)
