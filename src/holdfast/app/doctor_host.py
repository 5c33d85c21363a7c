"""Is the machine fit: enough open files, and a clock that can be believed."""

import resource
import time
from datetime import UTC, datetime
from pathlib import Path

from holdfast.app.doctor_check import Check, failed, ok, warning

# What the program holds open apart from uploads: the database, its log, listeners, connections that only read.
_OTHER_FILES = 512
_COMFORT = 8192
# Whoever reads this was built later; a clock before it was never set.
_BUILT = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
_END_OF_TIME = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


def raise_file_limit() -> int:
    """Take all the open files that this process may have (the soft limit becomes the hard one); gives the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def check_files(streams: int) -> Check:
    """May a process open enough files for `streams` uploads at once? `serve` raises the soft limit by itself."""
    name = "open files"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    needed = 2 * streams + _OTHER_FILES
    advice = "raise it (LimitNOFILE=65536 in systemd, --ulimit nofile=65536 in docker, /etc/security/limits.conf)"
    if hard == resource.RLIM_INFINITY:
        return ok(name, "no limit")
    if hard < needed:
        return failed(name, f"{hard} a process, {needed} needed for {streams} uploads at once", advice)
    if hard < _COMFORT:
        return warning(name, f"{hard} a process, which caps the number of connections", advice)
    return ok(name, f"{hard} a process")


def check_clock(data: Path, wall: float, ticks: float) -> Check:
    """Does the clock show a time that can be, and does it run?

    `wall` and `ticks` are `time.time()` and `time.monotonic()` from the start of the examination.
    """
    name = "clock"
    now, passed = time.time(), time.monotonic() - ticks
    shown = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds") if 0 <= now < _END_OF_TIME else str(now)
    advice = "set it and keep it set (systemd-timesyncd, chrony): leases, expiry and history go by it"
    if not _BUILT < now < _END_OF_TIME:
        return failed(name, f"{shown} cannot be now", advice)
    jumped = (now - wall) - passed
    if abs(jumped) > 0.5:
        return warning(name, f"{shown}, but it jumped by {jumped:+.1f} s during this examination", advice)
    ahead = _newest(data) - now
    if ahead > 60:
        return warning(name, f"{shown}, but the data directory was last changed {ahead:.0f} s after that", advice)
    return ok(name, shown)


def _newest(data: Path) -> float:
    try:
        return max((entry.stat().st_mtime for entry in data.iterdir()), default=0.0)
    except OSError:
        return 0.0
