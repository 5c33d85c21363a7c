"""Sizes in bytes, as people write and read them."""

from __future__ import annotations

import re

_UNITS = {"": 1, "B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40, "PIB": 1 << 50}
_DECIMAL = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}
_SIZE = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,6}))? ?([A-Za-z]{0,3})\Z", re.ASCII)


def parse_size(text: str) -> int:
    """Bytes, of `10GiB`, `1.5TB`, `4096`. Raises ValueError with a sentence."""
    found = _SIZE.match(text.strip())
    unit = found[3].upper() if found is not None else ""
    factor = _UNITS.get(unit, _DECIMAL.get(unit))
    if found is None or factor is None:
        raise ValueError(f"{text[:64]!r} is no size: a number with B, KiB, MiB, GiB or TiB, as in 10GiB")
    part = int(found[2]) * factor // 10 ** len(found[2]) if found[2] else 0
    return int(found[1]) * factor + part


def size_text(count: int) -> str:
    """Bytes as people read them, with one digit after the point: `1.4 GiB`."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1023.95:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
