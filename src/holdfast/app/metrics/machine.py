"""What the machine says of the server: its processes, its disk, its certificate.

Read from `/proc` and the file system when somebody asks; what cannot be read is left out.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from holdfast import __version__
from holdfast.app.metrics.told import Told, one
from holdfast.telemetry.family import Family, Kind, Label

_PROCESS = (Label("process", most=150),)
_GAUGE = Kind.GAUGE
BUILD = Family(
    "holdfast_build_info",
    "1, with the version of the program, of Python, and what it keeps its data in.",
    _GAUGE,
    tuple(Label(name, most=1) for name in ("version", "python", "database", "store")),
)
UP = Family("holdfast_processes", "Processes of this server that count.", _GAUGE)
RESIDENT = Family("holdfast_process_resident_memory_bytes", "Memory of a process.", _GAUGE, _PROCESS)
CPU = Family("holdfast_process_cpu_seconds", "Time that a process has used CPUs.", Kind.COUNTER, _PROCESS)
DESCRIPTORS = Family("holdfast_process_open_fds", "Open file descriptors of a process.", _GAUGE, _PROCESS)
MOST_DESCRIPTORS = Family("holdfast_process_max_fds", "The most that it may have.", _GAUGE, _PROCESS)
STARTED = Family("holdfast_process_start_time_seconds", "When a process started.", _GAUGE, _PROCESS)
FREE = Family("holdfast_disk_free_bytes", "Room on the disk of the data directory, for those who are not root.", _GAUGE)
SIZE = Family("holdfast_disk_size_bytes", "Size of that disk.", _GAUGE)
RESERVE = Family("holdfast_disk_reserve_bytes", "Free room below which uploads are refused (storage.reserve).", _GAUGE)
DATABASE = Family("holdfast_database_file_bytes", "Size of the database file (SQLite).", _GAUGE)
LOG = Family("holdfast_database_wal_bytes", "Size of its write-ahead log (SQLite).", _GAUGE)
EXPIRY = Family(
    "holdfast_tls_certificate_expiry_timestamp_seconds", "When the certificate of the listener ends.", _GAUGE
)


class Place(NamedTuple):
    """What is looked at. `data`: the data directory, `database`: the file in it, None where there is none."""

    data: Path | None
    database: Path | None
    reserve: int
    certificate: Path | None
    kinds: tuple[str, str]


class Machine:
    """One process's view of the machine."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._certificate: tuple[tuple[int, int], float] | None = None

    def read(self, processes: Sequence[tuple[str, int]]) -> list[Told]:
        """Everything. `processes`: names and ids."""
        return [self._build(), *_processes(processes), *self._disk(), *self._expiry()]

    def _build(self) -> Told:
        return Told(BUILD, {(__version__, platform.python_version(), *self._place.kinds): 1})

    def _disk(self) -> list[Told]:
        found = []
        if self._place.data is not None:
            with suppress(OSError):
                usage = shutil.disk_usage(self._place.data)
                found += [one(FREE, usage.free), one(SIZE, usage.total), one(RESERVE, self._place.reserve)]
        if self._place.database is not None:
            for family, path in ((DATABASE, self._place.database), (LOG, Path(f"{self._place.database}-wal"))):
                with suppress(OSError):
                    found.append(one(family, path.stat().st_size))
        return found

    def _expiry(self) -> list[Told]:
        path = self._place.certificate
        if path is None:
            return []
        try:
            found = path.stat()
            seen = (found.st_mtime_ns, found.st_ino)
            if self._certificate is None or self._certificate[0] != seen:
                self._certificate = (seen, _ends(path.read_bytes()))
        except (OSError, ValueError):
            return []
        return [one(EXPIRY, self._certificate[1])]


def _ends(pem: bytes) -> float:
    """When the first certificate of a chain ends. Raises ValueError."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()


def _processes(processes: Sequence[tuple[str, int]]) -> list[Told]:
    families = (RESIDENT, CPU, DESCRIPTORS, MOST_DESCRIPTORS, STARTED)
    numbers: dict[Family, dict[tuple[str, ...], float]] = {family: {} for family in families}
    for name, pid in processes:
        with suppress(OSError, ValueError, IndexError):
            for family, number in zip(families, _process(Path("/proc", str(pid))), strict=True):
                numbers[family][(name,)] = number
    return [one(UP, len(processes)), *(Told(family, found) for family, found in numbers.items())]


def _process(proc: Path) -> tuple[float, float, float, float, float]:
    """Bytes of memory, seconds of CPU, descriptors, the most of them, and when it started (Unix seconds)."""
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    # The name of the program stands in parentheses and may hold anything: the fields after it are counted.
    fields = (proc / "stat").read_text().rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / tick
    began = _boot() + int(fields[19]) / tick
    memory = int((proc / "statm").read_text().split()[1]) * page
    limits = (proc / "limits").read_text().splitlines()
    most = next(line.split()[3] for line in limits if line.startswith("Max open files"))
    descriptors = len(os.listdir(proc / "fd"))
    return memory, cpu, descriptors, float("inf") if most == "unlimited" else float(most), began


def _boot() -> float:
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0
