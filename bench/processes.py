"""What a tree of processes uses, read from the kernel: CPU time and memory.

A server is started as the leader of its own session, so its tree is "every process of that session": that also
holds for children whose parent has ended. CPU is read from each process's own clock (nanoseconds, threads that
ended included) plus what it has inherited from children that it has waited for.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


class Stat(NamedTuple):
    """The fields of /proc/<pid>/stat that are used here; the times in seconds."""

    pid: int
    parent: int
    session: int
    own_seconds: float
    reaped_seconds: float


class Memory(NamedTuple):
    """Bytes resident; `pss` counts a page shared by n processes as 1/n, so that it can be added up over a tree."""

    rss: int
    pss: int

    def plus(self, other: "Memory") -> "Memory":
        return Memory(self.rss + other.rss, self.pss + other.pss)


def parse_stat(text: str) -> Stat:
    """Read one line of /proc/<pid>/stat; the command in parentheses may hold spaces and parentheses itself."""
    opening, closing = text.index("("), text.rindex(")")
    fields = text[closing + 2 :].split()
    user, system, reaped_user, reaped_system = (int(field) for field in fields[11:15])
    return Stat(
        pid=int(text[:opening]),
        parent=int(fields[1]),
        session=int(fields[3]),
        own_seconds=(user + system) / _TICKS,
        reaped_seconds=(reaped_user + reaped_system) / _TICKS,
    )


def parse_rollup(text: str) -> Memory:
    """Read /proc/<pid>/smaps_rollup; lines that are missing count as 0."""
    found = {"Rss": 0, "Pss": 0}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name in found:
            found[name] = int(rest.split()[0]) * 1024
    return Memory(found["Rss"], found["Pss"])


def members(session: int) -> list[Stat]:
    """Every living process of the session, in order of pid."""
    found = []
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = parse_stat((entry / "stat").read_text(errors="replace"))
        except (OSError, ValueError):
            continue  # ended between the listing and the reading
        if stat.session == session:
            found.append(stat)
    return sorted(found)


def cpu_seconds(session: int) -> float:
    """User and system time of the whole tree so far, in seconds."""
    return sum(_own_seconds(stat) + stat.reaped_seconds for stat in members(session))


def memory(session: int) -> Memory:
    """Resident memory of the whole tree; a process that ends meanwhile counts as nothing."""
    total = Memory(0, 0)
    for stat in members(session):
        try:
            total = total.plus(parse_rollup((_PROC / str(stat.pid) / "smaps_rollup").read_text()))
        except OSError:
            continue
    return total


def _own_seconds(stat: Stat) -> float:
    """The process's CPU clock (clock_getcpuclockid(3) computes the same number), or its ticks of 10 ms."""
    try:
        return time.clock_gettime(((~stat.pid) << 3) | 2)
    except OSError:
        return stat.own_seconds
