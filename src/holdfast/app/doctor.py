"""Is this machine, with these settings, a place where an acknowledged push is safe? Each answer says what to do.

`examine` looks at everything and changes nothing; `obstacles` is the part that a start must not go on without. Both
give every finding rather than the first.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from holdfast.app.config import Settings
from holdfast.app.doctor_check import Check, Verdict, failed, ok, skipped
from holdfast.app.doctor_disk import (
    check_direct,
    check_file_system,
    check_space,
    check_sync,
    check_writable,
    existing,
)
from holdfast.app.doctor_host import check_clock, check_files
from holdfast.app.doctor_port import check_port

__all__ = ["Check", "Verdict", "examine", "obstacles"]

Describe = Callable[[str], dict[str, object]]

# What the engine must say of itself; `synchronous` 2 is FULL, `auto_vacuum` 2 is INCREMENTAL.
_PRAGMAS: dict[str, tuple[object, ...]] = {
    "journal_mode": ("wal",),
    "synchronous": (2, 3),
    "auto_vacuum": (2,),
    "foreign_keys": (1,),
}


def examine(settings: Settings, describe: Describe) -> list[Check]:
    """Every check, in the order in which one would repair what they find.

    `describe` opens the database file at a path as the server would, and gives its version and pragmas.
    """
    wall, ticks = time.time(), time.monotonic()
    data = settings.data
    checks = list(_directory(settings, describe)) if settings.needs_directory else []
    checks += [*_servers(settings), *_keys(settings)]
    checks += [check_files(settings.uploads.streams), check_port(settings.listen, ours_may_run=True), *_tls(settings)]
    checks.append(check_clock(data, wall, ticks))
    return checks


def _directory(settings: Settings, describe: Describe) -> Iterator[Check]:
    """The directory that holds the database, the objects, or both."""
    data = settings.data
    writable = check_writable(data)
    yield writable
    yield check_file_system(data)
    if writable.verdict is not Verdict.FAILED:
        yield check_sync(data)
        yield check_direct(data)
        if settings.database.url is None:
            yield _check_database(data, describe)
    yield check_space(data, settings.storage.reserve)


def _servers(settings: Settings) -> Iterator[Check]:
    """The servers that the settings name. Loaded here: an embedded registry needs none of their libraries."""
    if settings.database.url is not None:
        from holdfast.app.doctor_database import check_postgres

        yield from check_postgres(settings)
    if settings.storage.url is not None:
        from holdfast.app.doctor_bucket import check_bucket

        yield from check_bucket(settings)


def obstacles(settings: Settings) -> list[Check]:
    """What a start must not go on without: directory, kind of file system, port, TLS files. Takes milliseconds."""
    checks = [check_port(settings.listen, ours_may_run=False), *_tls(settings)]
    if settings.needs_directory:
        checks = [check_writable(settings.data), check_file_system(settings.data), *checks]
    return [each for each in checks if each.verdict is Verdict.FAILED]


def _keys(settings: Settings) -> Iterator[Check]:
    from holdfast.app.doctor_keys import check_keys  # loads cryptography

    yield from check_keys(settings)


def _tls(settings: Settings) -> Iterator[Check]:
    if settings.tls_cert is None or settings.tls_key is None:
        yield skipped("tls", "not set", "fine on loopback or behind a proxy that speaks TLS")
        return
    # Loaded here: cryptography costs a tenth of the time of a cold start, and most starts on loopback need none.
    from holdfast.app.doctor_tls import check_tls

    yield from check_tls(settings.tls_cert, settings.tls_key, settings.public_url, datetime.now(UTC))


def _check_database(data: Path, describe: Describe) -> Check:
    """Try the engine on a database of the doctor's own, beside the real one: same disk, nothing touched."""
    name = "sqlite"
    try:
        with tempfile.TemporaryDirectory(prefix=".holdfast-doctor-", dir=existing(data)) as place:
            said = describe(str(Path(place) / "probe.db"))
    except Exception as error:  # whatever the engine raises, the doctor reports
        return failed(name, f"no database can be made in {existing(data)}: {error}", "use a local disk")
    wrong = [f"{key} = {said.get(key)}" for key, allowed in _PRAGMAS.items() if said.get(key) not in allowed]
    version = f"SQLite {said.get('sqlite', '(unknown)')}"
    if wrong:
        return failed(name, f"{version}: {', '.join(wrong)}", "use a local disk (ext4, xfs, btrfs, zfs) for --data")
    return ok(name, version + ", " + ", ".join(f"{key} = {said[key]}" for key in _PRAGMAS))
