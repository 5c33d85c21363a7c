"""A bundle for support: what a report of a defect needs, in one tar.gz, without a secret.

Promises: every part is gathered by itself, and one that cannot be is told in its place; nothing is changed; no text
leaves here that holds a secret this process knows (bundle_secrets.py). Names of repositories and addresses of hosts
may be in it.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import platform
import sys
import tarfile
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from holdfast import __version__
from holdfast.app.bundle_figures import database_figures
from holdfast.app.bundle_secrets import Scrubber
from holdfast.app.config import Loaded, Settings
from holdfast.app.doctor_check import Check

_LOG_BYTES = 4 << 20
_NAMED = (
    "HOLDFAST_",
    "PG",
    "AWS_",
    "AZURE_",
    "GOOGLE_",
    "GCP_",
    "VAULT_",
    "SSL_",
    "MALLOC_",
    "PYTHON",
    "LANG",
    "LC_",
    "TZ",
)
_TOLD = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")


def write_bundle(loaded: Loaded, checks: list[Check], path: Path, log: Path | None) -> list[str]:
    """Write the bundle and give the names of its parts. Raises OSError when `path` cannot be written.

    `checks`: what the doctor found. `log`: a log file whose end is added.
    """
    settings = loaded.settings
    scrub = Scrubber(settings, os.environ)
    parts: dict[str, Callable[[], object]] = {
        "versions.json": _versions,
        "machine.json": lambda: _machine(settings),
        "settings.json": lambda: {each.name: [each.value, each.origin] for each in loaded.effective},
        "environment.json": lambda: sorted(name for name in os.environ if name.startswith(_NAMED)),
        "doctor.json": lambda: [asdict(each) for each in checks],
        "database.json": lambda: database_figures(settings),
        "data-directory.json": lambda: _directory(settings.data),
    }
    texts = {name: json.dumps(_tried(gather), indent=2, default=str) + "\n" for name, gather in parts.items()}
    if log is not None:
        texts["log.txt"] = str(_tried(lambda: _end_of(log)))
    _write(path, {name: scrub(text).encode() for name, text in texts.items()})
    return sorted(texts)


def _tried(gather: Callable[[], object]) -> object:
    """What `gather` gives, or why it gives nothing."""
    try:
        return gather()
    except Exception as error:  # a bundle is made when something is wrong
        return {"missing": f"{type(error).__name__}: {error}"}


def _versions() -> dict[str, object]:
    wanted = metadata.requires("holdfast") or []
    names = sorted({each.partition(";")[0].partition(">")[0].strip() for each in wanted if "extra ==" not in each})
    return {"holdfast": __version__, "python": sys.version, "libraries": {name: _version(name) for name in names}}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _machine(settings: Settings) -> dict[str, object]:
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "memory": _memory(),
        "load": os.getloadavg(),
        "user": os.geteuid(),
        "python": sys.executable,
        "free": _free(settings.data),
    }


def _memory() -> dict[str, str]:
    lines = (line.partition(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return {name: value.strip() for name, _, value in lines if name in _TOLD}


def _free(data: Path) -> object:
    place = next(path for path in (data, *data.parents) if path.exists())
    found = os.statvfs(place)
    return {
        "place": str(place),
        "size": found.f_blocks * found.f_frsize,
        "free": found.f_bavail * found.f_frsize,
        "files free": found.f_favail,
    }


def _directory(data: Path) -> list[dict[str, object]]:
    """Names, sizes and ages of what lies directly in the data directory; no content."""
    found = []
    with os.scandir(data) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            about = entry.stat(follow_symlinks=False)
            found.append(
                {"name": entry.name, "mode": oct(about.st_mode), "size": about.st_size, "mtime": about.st_mtime}
            )
    return found


def _end_of(log: Path) -> str:
    """The last lines of a log."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LOG_BYTES))
        data = file.read(_LOG_BYTES)
    if size > _LOG_BYTES:
        data = data.partition(b"\n")[2]
    return data.decode("utf-8", "replace")


def _write(path: Path, files: dict[str, bytes]) -> None:
    """Write the archive, readable by its owner alone; there is either the whole of it or none."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(f"holdfast-support/{name}")
            entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(data))
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(buffer.getvalue())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
