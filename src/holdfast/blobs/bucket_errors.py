"""What a bucket's refusals mean, told from the text that the library makes of them: it gives no status by itself."""

import re

from holdfast.blobs.errors import Full, Unavailable

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z]{1,64})</Code>")
_NO_OBJECT = frozenset({"BlobNotFound", "NoSuchKey", "NoSuchUpload", "NotFound"})
_NO_BUCKET = frozenset({"ContainerNotFound", "NoSuchBucket"})
_FULL = frozenset(
    {
        "AccountStorageQuotaExceeded",
        "EntityTooLarge",
        "InsufficientCapacity",
        "InsufficientStorage",
        "QuotaExceeded",
        "StorageFull",
        "StorageQuotaExceeded",
        "UserQuotaExceeded",
        "XMinioAdminBucketQuotaExceeded",
        "XMinioStorageFull",
    }
)


class Absent(Exception):
    """The store said 404: to whom that is news finds out what is missing."""


class BrokeOff(Unavailable):
    """An answer had begun, and ended too soon."""

    default = "The bucket broke off."


class PastEnd(Exception):
    """The store said 416: the object ends before the range begins."""


def not_there() -> Unavailable:
    """Give the error for a store that is not there."""
    return Unavailable("The blob store is not there: no such bucket, or not the one that was marked.")


def plain(error: Exception) -> str:
    """Return what the library said, without what it prints for debugging."""
    return str(error).partition("\n\nDebug source")[0]


def is_missing_object(said: str) -> bool:
    """Tell whether a 404 may be an object's. Where an answer has a body, it says what is missing: it may be the bucket,
    or the user."""
    code = _CODE.search(said)
    return code is None or code.group(1) in _NO_OBJECT


def meaning(said: str, *, refused: bool, writing: bool) -> Exception:
    """Give the meaning of what the library said; no path is in it. Only who is `writing` hears `Full`.

    `refused`: the library took it for a matter of credentials.
    """
    status = _STATUS.search(said)
    code = _CODE.search(said)
    if status and status.group(1) == "416":
        return PastEnd()
    if code and code.group(1) in _NO_BUCKET:
        return not_there()
    why = " ".join(found.group(1) for found in (status, code) if found)
    if writing and ((code and code.group(1) in _FULL) or (status and status.group(1) == "507")):
        return Full(f"The bucket takes no more ({why}).")
    if refused:
        return Unavailable(f"The bucket refuses the server's credentials ({why or 'no access'}).")
    return Unavailable(f"The bucket does not answer ({why or 'no connection, or none in time'}).")
