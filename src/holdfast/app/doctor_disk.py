"""Is the data directory a place that keeps what it acknowledged: writable, local, synced, with room left.

Everything is tried for real with small files of the doctor's own, made in the data directory (or in the nearest
directory that exists above it) and removed again; nothing that was there before is touched.
"""

import errno
import mmap
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from holdfast.app.doctor_check import Check, failed, ok, skipped, warning
from holdfast.app.quantities import read_size

# File systems whose fsync, locks or shared memory do not hold between hosts, or end with the wire.
NETWORK_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "lustre", "glusterfs", "ocfs2", "gfs2", "beegfs",
     "beegfs_nodev", "orangefs", "pvfs2", "coda", "ncpfs", "gpfs", "davfs", "davfs2"}
)  # fmt: skip
_NETWORK_FUSE = ("sshfs", "s3fs", "rclone", "gluster", "ceph", "goofys", "gcsfuse", "blobfuse", "nfs", "smb", "juicefs",
                 "mountpoint-s3", "davfs", "curlftpfs", "seaweedfs", "moosefs", "mfs")  # fmt: skip
_VOLATILE_TYPES = frozenset({"tmpfs", "ramfs", "rootfs"})
_UNSAFE_OPTIONS = frozenset({"nobarrier", "barrier=0", "volatile", "eatmydata"})
_SYNCS = 16
# No disk acknowledges a flush faster than this; what does, does not flush.
_FASTEST_SYNC = 0.000_02


@dataclass(frozen=True, slots=True)
class FileSystem:
    """What `path` is mounted on, as `/proc/self/mountinfo` tells."""

    kind: str
    source: str
    mount_point: str
    options: frozenset[str]

    @property
    def network(self) -> bool:
        """True when another host holds the bytes, so that the promises about durability and locking end."""
        if self.kind.startswith("fuse."):
            return any(word in self.kind for word in _NETWORK_FUSE)
        return self.kind in NETWORK_TYPES


def find_file_system(path: Path, mountinfo: str | None = None) -> FileSystem | None:
    """The file system that holds `path` (or would, were it made); None where the kernel does not say.

    `mountinfo` is the text to read instead of the running kernel's.
    """
    if mountinfo is None:
        try:
            mountinfo = Path("/proc/self/mountinfo").read_text(errors="replace")
        except OSError:
            return None
    found: FileSystem | None = None
    real = existing(path).resolve()
    for line in mountinfo.splitlines():
        mounted, _, described = line.partition(" - ")
        columns, (kind, source, options) = mounted.split(" "), described.split(" ", 2)
        mount_point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), columns[4]))
        # A later line of the same mount point covers the earlier one.
        if real.is_relative_to(mount_point) and (
            found is None or len(mount_point.parts) >= len(Path(found.mount_point).parts)
        ):
            found = FileSystem(kind, source, str(mount_point), frozenset(f"{columns[5]},{options}".split(",")))
    return found


def existing(path: Path) -> Path:
    """`path`, or the nearest directory above it that exists."""
    return next((each for each in (path, *path.parents) if each.exists()), Path("/"))


def check_file_system(data: Path) -> Check:
    """The kind of file system: a network's is refused, one that forgets is warned of."""
    name = "file system"
    found = find_file_system(data)
    if found is None:
        return skipped(name, "this system does not say what the directory is mounted on", "use a local disk")
    seen = f"{found.kind} on {found.mount_point}"
    if found.network:
        return failed(name, f"{seen} is a network file system", "use a local disk, or a block device of the network")
    unsafe = sorted(found.options & _UNSAFE_OPTIONS)
    if unsafe:
        return failed(name, f"{seen} is mounted with {', '.join(unsafe)}", "mount it without: a power cut loses pushes")
    if found.kind in _VOLATILE_TYPES:
        return warning(name, f"{seen} is memory", "for trying out only: everything is gone after a restart")
    if found.kind == "overlay":
        return warning(
            name, f"{seen} is a container's own layer", "mount a volume there, or it goes with the container"
        )
    if found.kind.startswith("fuse"):
        return warning(name, f"{seen} is a program's file system", "a disk's own (ext4, xfs, btrfs, zfs) is safer")
    return ok(name, seen)


def check_writable(data: Path) -> Check:
    """Can the directory be made, and a file in it be made, written, renamed and removed."""
    name = "data directory"
    place = existing(data)
    try:
        with _probe(place) as (descriptor, probe):
            os.write(descriptor, b"holdfast")
            renamed = probe.with_name(probe.name + ".renamed")
            probe.rename(renamed)
            renamed.rename(probe)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            # No obstacle to a start: what is there can be pulled, and deleting needs a server.
            return warning(name, f"{place} is full", "pushes are answered 507: free some space")
        advice = f"give this user (id {os.geteuid()}) the right to write in {place}, or choose another --data"
        return failed(name, f"{place} cannot be written: {error.strerror}", advice)
    if place != data:
        return ok(name, f"{data} does not exist yet; it can be made in {place}")
    if data.stat().st_mode & 0o007:
        return warning(name, f"{data} is writable, but open to every user", f"chmod o-rwx {data}")
    return ok(name, f"{data} is writable")


def check_sync(data: Path) -> Check:
    """Does fsync of files and of directories work, and does it take the time that a real flush takes."""
    name = "fsync"
    place = existing(data)
    files: list[float] = []
    directories: list[float] = []
    try:
        directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with _probe(place) as (descriptor, _):
                for _ in range(_SYNCS):
                    os.write(descriptor, bytes(4096))
                    files.append(_timed_sync(descriptor))
            for _ in range(_SYNCS // 4):
                with _probe(place):
                    directories.append(_timed_sync(directory))
        finally:
            os.close(directory)
    except OSError as error:
        advice = "use a file system that can sync (ext4, xfs, btrfs, zfs)"
        return failed(name, f"a sync in {place} failed: {error.strerror}", advice)
    file, entry = _median(files), _median(directories)
    seen = f"file {file * 1000:.2f} ms, directory {entry * 1000:.2f} ms (medians)"
    if "eatmydata" in os.environ.get("LD_PRELOAD", ""):
        return failed(name, "eatmydata is loaded, which turns fsync into nothing", "start without LD_PRELOAD")
    if file < _FASTEST_SYNC:
        advice = "no disk is so fast: look for a cache that lies (memory file system, unsafe cache of the hypervisor)"
        return warning(name, seen, advice)
    if file > 0.1:
        return warning(name, seen, "every push waits for this: use a faster disk, or one with a protected write cache")
    return ok(name, seen)


def check_direct(data: Path) -> Check:
    """Can files be read and written past the page cache (O_DIRECT); only speed and memory hang on it."""
    name = "direct I/O"
    place = existing(data)
    block = mmap.mmap(-1, 4096)
    try:
        with _probe(place) as (_, probe):
            direct = os.open(probe, os.O_RDWR | getattr(os, "O_DIRECT", 0))
            try:
                os.pwrite(direct, block, 0)
                os.preadv(direct, [block], 0)
            finally:
                os.close(direct)
    except OSError as error:
        seen = f"not supported here ({errno.errorcode.get(error.errno or 0, 'error')})"
        return warning(name, seen, "nothing needs doing: big blobs go through the page cache instead")
    finally:
        block.close()
    return ok(name, "supported")


def check_space(data: Path, reserve: int) -> Check:
    """Is there more room than the reserve below which uploads are refused; inodes too."""
    name = "free space"
    space = os.statvfs(existing(data))
    free = space.f_bavail * space.f_frsize
    seen = f"{read_size(free)} free of {read_size(space.f_blocks * space.f_frsize)}, reserve {read_size(reserve)}"
    if free <= reserve:
        return failed(name, seen, "uploads are answered 507: free some space, or lower --storage-reserve")
    if free < 2 * reserve:
        return warning(name, seen, "soon uploads are answered 507: free some space")
    if space.f_files > 0 and space.f_favail < 10_000:
        return warning(name, f"{space.f_favail} inodes left", "every larger blob needs one: remove some small files")
    return ok(name, seen)


@contextmanager
def _probe(directory: Path) -> Iterator[tuple[int, Path]]:
    """A file of the doctor's own, open for writing, that is gone afterwards."""
    descriptor, name = tempfile.mkstemp(prefix=".holdfast-doctor-", dir=directory)
    try:
        yield descriptor, Path(name)
    finally:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)


def _timed_sync(descriptor: int) -> float:
    start = time.perf_counter()
    os.fsync(descriptor)
    return time.perf_counter() - start


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
