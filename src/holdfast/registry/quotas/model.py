"""Quotas as values: what is limited, by how much, and what people write.

A limit of a path holds for all that is at and below it together; every path on the way down may have one, and each of
them counts. Without one there is no limit.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.registry.effective.kinds import SettingKind
from holdfast.registry.effective.service import Effective

WARN = "quota-warn"
WARN_PERCENT = 80
MOST = 1 << 60
_UNITS = {"": 1, "B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40, "PIB": 1 << 50}
_DECIMAL = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}
_SIZE = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,6}))? ?([A-Za-z]{0,3})\Z", re.ASCII)


class What(StrEnum):
    """What a quota limits."""

    BYTES = "bytes"
    REPOSITORIES = "repositories"
    TAGS = "tags"

    @property
    def setting(self) -> str:
        """The setting that holds it."""
        return f"quota-{self}"


class Counts(NamedTuple):
    """How much of each; also how much more."""

    bytes: int = 0
    repositories: int = 0
    tags: int = 0

    def of(self, what: What) -> int:
        """How much of one."""
        return int(getattr(self, what))


class Limit(NamedTuple):
    """At most `most` of `what` at and below `path` ('': everything); from `warn` percent of it on it is told."""

    path: str
    what: What
    most: int
    warn: int

    def nearly(self, used: int) -> bool:
        """Whether so much is used that it is told."""
        return used * 100 >= self.most * self.warn


class Span(NamedTuple):
    """Where what is used at and below a path is counted: the row of the sum, and the repositories it sums up."""

    key: str
    path: str
    low: str
    high: str


def span(path: str) -> Span:
    """The span of a path; '': everything."""
    return Span(f"{path}/", path, f"{path}/", f"{path}0") if path else Span("/", "", "", "~")


def limits(settings: Effective) -> list[Limit]:
    """Every limit that holds for the path of `settings`, the widest first."""
    found = []
    warns = sorted(settings.every(WARN), key=lambda row: len(row.path))
    for what in What:
        for row in settings.every(what.setting):
            said = [int(each.value) for each in warns if len(each.path) <= len(row.path)]
            found.append(Limit(row.path, what, int(row.value), said[-1] if said else WARN_PERCENT))
    return sorted(found, key=lambda limit: (len(limit.path), limit.what))


def written(size: int) -> str:
    """Bytes as people read them: `1.5 GiB`."""
    amount, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if abs(amount) < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{size} B" if unit == "B" else f"{amount:.4g} {unit}"


def amount(what: What, number: int) -> str:
    """So much of `what`, as people read it."""
    if what is What.BYTES:
        return written(number)
    name = str(what) if number != 1 else {What.TAGS: "tag", What.REPOSITORIES: "repository"}[what]
    return f"{number} {name}"


def read_size(text: str) -> str:
    """Bytes, of `10GiB`, `1.5 TB`, `4096`. Raises `Invalid`."""
    found = _SIZE.match(text.strip())
    unit = found[3].upper() if found is not None else ""
    factor = _UNITS.get(unit, _DECIMAL.get(unit))
    if found is None or factor is None:
        raise Invalid("value", f"{text[:64]!r} is no size: a number with B, KiB, MiB, GiB or TiB, as in 10GiB")
    whole = int(found[1]) * factor
    part = int(found[2]) * factor // 10 ** len(found[2]) if found[2] else 0
    return _bounded(whole + part)


def read_number(text: str) -> str:
    """A whole number. Raises `Invalid`."""
    if not re.fullmatch(r"[0-9]{1,19}", text.strip(), re.ASCII):
        raise Invalid("value", f"{text[:64]!r} is no whole number")
    return _bounded(int(text))


def read_percent(text: str) -> str:
    """A percentage, 1 to 100. Raises `Invalid`."""
    plain = text.strip().removesuffix("%").strip()
    if not re.fullmatch(r"[0-9]{1,3}", plain, re.ASCII) or not 1 <= int(plain) <= 100:
        raise Invalid("value", f"{text[:64]!r} is no percentage from 1 to 100")
    return str(int(plain))


def _bounded(value: int) -> str:
    if value > MOST:
        raise Invalid("value", f"a quota is at most {MOST}")
    return str(value)


def _write_size(text: str) -> str:
    size = int(text)
    for unit in ("PiB", "TiB", "GiB", "MiB", "KiB"):
        if size and size % _UNITS[unit.upper()] == 0:
            return f"{size // _UNITS[unit.upper()]}{unit}"
    return text


_SET_BY = "holdfast quota set"
KINDS = (
    SettingKind(
        What.BYTES.setting,
        "How many bytes may lie at and below the path: each content once for each repository.",
        "a size, as in 10GiB",
        read_size,
        _write_size,
        "unlimited",
        set_by=_SET_BY,
    ),
    SettingKind(
        What.REPOSITORIES.setting,
        "How many repositories there may be at and below the path.",
        "a whole number",
        read_number,
        str,
        "unlimited",
        set_by=_SET_BY,
    ),
    SettingKind(
        What.TAGS.setting,
        "How many tags there may be at and below the path.",
        "a whole number",
        read_number,
        str,
        "unlimited",
        set_by=_SET_BY,
    ),
    SettingKind(
        WARN,
        "From how much of a quota on it is told that it is nearly used up.",
        "a percentage from 1 to 100",
        read_percent,
        lambda text: f"{text}%",
        f"{WARN_PERCENT}%",
        set_by=_SET_BY,
    ),
)
"""The settings of quotas."""
