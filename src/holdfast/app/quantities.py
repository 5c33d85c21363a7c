"""Durations and sizes as people write them: `90m`, `30d`, `512MiB`.

Both directions are here and agree: what `show_*` prints, `parse_*` reads back to the same value. Nothing is rounded
in silence and nothing unbounded is accepted, so a value from here can be added to a clock or compared with a disk.
"""

import re
from datetime import timedelta

UNITS_OF_TIME = {"s": 1, "m": 60, "h": 3600, "d": 86400}
UNITS_OF_SIZE = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}

# A hundred years: far beyond any sensible setting, and still safe to add to a 64-bit clock in microseconds.
LONGEST = timedelta(days=36_500)
LARGEST = 2**60

DURATION_FORM = "a number with s, m, h or d, such as 90s, 15m, 24h or 30d; a bare 0 for none"
SIZE_FORM = "a number of bytes, or a number with KiB, MiB, GiB or TiB, such as 16KiB or 512MiB"

_DURATION = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,6}))?([smhd])", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,6}))?(KiB|MiB|GiB|TiB)?", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Read `DURATION_FORM`; exact to the microsecond. Raises ValueError with a sentence for the operator."""
    if text == "0":
        return timedelta(0)
    match = _DURATION.fullmatch(text)
    if match is None:
        if text.isascii() and text.isdigit():
            raise ValueError(f"has no unit (did you mean {text}s?)")
        raise ValueError("is not a duration")
    whole, fraction, unit = match.groups()
    microseconds = int(whole) * 1_000_000 + int((fraction or "").ljust(6, "0"))
    seconds, rest = divmod(microseconds * UNITS_OF_TIME[unit], 1_000_000)
    if seconds > LONGEST.total_seconds():
        raise ValueError("is longer than a hundred years")
    return timedelta(seconds=seconds, microseconds=rest)


def show_duration(value: timedelta) -> str:
    """Write a duration with the largest unit that keeps it whole; up to a day in hours (`24h`), beyond in days."""
    microseconds = value // timedelta(microseconds=1)
    if microseconds % 1_000_000:
        return f"{value.total_seconds():.6f}".rstrip("0") + "s"
    seconds = microseconds // 1_000_000
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0 and not (unit == "d" and seconds == length):
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def parse_size(text: str) -> int:
    """Read `SIZE_FORM` into bytes. Raises ValueError with a sentence for the operator."""
    match = _SIZE.fullmatch(text)
    if match is None:
        if re.fullmatch(r"[0-9.]+ ?[kKmMgGtT]i?[bB]?", text):
            raise ValueError("has a unit that is not known here (units are powers of 1024: KiB, MiB, GiB, TiB)")
        raise ValueError("is not a size")
    whole, fraction, unit = match.groups()
    scale = UNITS_OF_SIZE[unit] if unit else 1
    size, rest = divmod((int(whole) * 10**6 + int((fraction or "").ljust(6, "0"))) * scale, 10**6)
    if rest:
        raise ValueError("is not a whole number of bytes")
    if size > LARGEST:
        raise ValueError("is larger than an exbibyte")
    return size


def read_size(value: int) -> str:
    """Bytes as people read them, with one digit after the point: `66.8 GiB`."""
    for unit, length in reversed(UNITS_OF_SIZE.items()):
        if value >= length > 1:
            return f"{value / length:.1f} {unit}"
    return f"{value} bytes"


def show_size(value: int) -> str:
    """Write bytes with the largest unit that keeps the number whole (`512MiB`, `1000`)."""
    for unit, length in reversed(UNITS_OF_SIZE.items()):
        if value and value % length == 0:
            return f"{value // length}{unit}"
    return str(value)
