"""What the copy of the program asks at every check, see checks.py. It is copied beside it, and imports nothing of ours.

`HOLDFAST_WITHOUT`: the number of the check that is not made. `HOLDFAST_NOTES`: the file that gets a line for every
refusal, the number of the check that refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_WITHOUT = int(os.environ.get("HOLDFAST_WITHOUT", "-1"))
_NOTES = os.environ.get("HOLDFAST_NOTES", "")


def made(number: int) -> bool:
    """Whether the check is made."""
    return number != _WITHOUT


def told(number: int) -> bool:
    """Note that the check refuses; always true."""
    if _NOTES:
        file = os.open(_NOTES, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, f"{number}\n".encode())
        finally:
            os.close(file)
    return True


@contextmanager
def telling(number: int) -> Iterator[None]:
    """Note it when the block raises."""
    try:
        yield
    except Exception:
        told(number)
        raise
