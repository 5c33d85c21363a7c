"""What can go wrong with a blob store, by meaning; a reason never shows a path, a driver or a system call.

Surfaces turn these into statuses in their own one table: `Busy` 416, `Lost` and `Missing` by what was asked for,
`Full` 507, `Unavailable` and `ForeignStore` 503. A malformed name, key or range is the caller's mistake: `ValueError`.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class BlobError(Exception):
    """A blob store could not do what was asked; `.reason` is a sentence for whoever asked."""

    default = "The blob store could not do what was asked."

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason or self.default
        super().__init__(self.reason)


class Busy(BlobError):
    """Somebody else holds this staged upload."""

    default = "Another request is using this upload."


class Lost(BlobError):
    """The staged upload is not there, or holds fewer bytes than its record says."""

    default = "The bytes received so far for this upload are no longer there."


class Missing(BlobError):
    """The object, or the part of it that was asked for, is not in a store that is otherwise there."""

    default = "The object is not in the blob store."


class Corrupt(Missing):
    """What the store has there is not what was written: it does not decrypt. Whoever handles Missing handles this."""

    default = "The object in the blob store is not what was written there."


class ForeignStore(BlobError):
    """The store carries another installation's marker, or objects and no marker."""

    default = "The blob store belongs to another installation."


class Full(BlobError):
    """No space, no quota, or a file larger than the store allows."""

    default = "The blob store is full."


class Unavailable(BlobError):
    """The store does not answer, is not mounted, or has stopped acknowledging after a failed sync."""

    default = "The blob store does not answer."


def from_os(error: OSError) -> BlobError:
    """Give the meaning of a failed system call, without its path."""
    if error.errno in _FULL:
        return Full()
    cause = os.strerror(error.errno) if error.errno else "unknown cause"
    return Unavailable(f"The blob store does not answer ({cause}).")


@contextmanager
def translated() -> Iterator[None]:
    """Turn any `OSError` of the block into a `BlobError`."""
    try:
        yield
    except OSError as error:
        raise from_os(error) from error
