"""The OCI image layout (image-spec, image-layout.md), as a directory or one uncompressed tar file.

Promises: nothing of an archive is ever unpacked: members are read where they lie, by names that are digests; sizes and
numbers are bounded; a blob counts as written when all its bytes are, and its digest was checked; `index.json` comes
last, so a layout that has one is whole.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from holdfast.oci.digest import Digest

BLOCK = 1 << 20
INDEX = "application/vnd.oci.image.index.v1+json"
_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_INDEX_BYTES = 64 << 20
_MEMBERS = 2_000_000


class LayoutError(Exception):
    """It is no layout, or a damaged one, or cannot be written; the text says why."""


class LayoutWriter(Protocol):
    """A layout being written."""

    def has(self, digest: Digest) -> bool:
        """Whether the blob is in it."""
        ...

    def add(self, digest: Digest, size: int, chunks: Iterable[bytes]) -> None:
        """Write a blob. Raises `LayoutError` when the bytes are not what the digest says."""
        ...

    def finish(self, manifests: Sequence[Mapping[str, Any]], annotations: Mapping[str, str]) -> None:
        """Write the index: what the layout offers."""
        ...


class LayoutReader(Protocol):
    """A layout that is there."""

    index: Mapping[str, Any]
    """Its index.json."""

    def size(self, digest: Digest) -> int | None:
        """The size of a blob, None where it is not in it."""
        ...

    def read(self, digest: Digest) -> Iterator[bytes]:
        """The bytes of a blob, in pieces. Raises `LayoutError` when they do not hash, after the last."""
        ...


def open_writer(place: Path) -> LayoutWriter:
    """A layout to write at `place`: a new tar file where it ends in .tar, else a directory, which may hold one already
    that is added to. Raises `LayoutError`."""
    try:
        return _TarWriter(place) if place.suffix == ".tar" else _DirectoryWriter(place)
    except OSError as error:
        raise LayoutError(f"{place} cannot be written: {error.strerror}") from error


def open_reader(place: Path) -> LayoutReader:
    """The layout at `place`. Raises `LayoutError`."""
    try:
        return _DirectoryReader(place) if place.is_dir() else _TarReader(place)
    except OSError as error:
        raise LayoutError(f"{place} cannot be read: {error.strerror}") from error
    except tarfile.TarError as error:
        raise LayoutError(f"{place} is no tar file: an uncompressed one is expected") from error


def _index(manifests: Sequence[Mapping[str, Any]], annotations: Mapping[str, str]) -> bytes:
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(manifests)}
    if annotations:
        document["annotations"] = dict(annotations)
    return json.dumps(document, indent=1).encode()


def _parsed(data: bytes, place: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"the index.json of {place} cannot be read") from error
    if not isinstance(found, dict) or not isinstance(found.get("manifests"), list):
        raise LayoutError(f"the index.json of {place} lists no manifests")
    return found


def _checked(digest: Digest, size: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """`chunks`, of exactly `size` bytes that hash to `digest`. Raises `LayoutError`."""
    running, seen = hashlib.new(digest.algorithm), 0
    for chunk in chunks:
        seen += len(chunk)
        if seen > size:
            break
        running.update(chunk)
        yield chunk
    if seen != size or running.hexdigest() != digest.encoded:
        raise LayoutError(f"the bytes of {digest} are not what they should be")


class _DirectoryWriter:
    """Blobs are files; one that is there already stays."""

    def __init__(self, place: Path) -> None:
        self._place = place
        place.mkdir(parents=True, exist_ok=True)
        if any(place.iterdir()) and not (place / "oci-layout").exists():
            raise LayoutError(f"{place} holds something else: name an empty directory, or a layout to add to")
        (place / "oci-layout").write_bytes(_LAYOUT)

    def has(self, digest: Digest) -> bool:
        """See `LayoutWriter`."""
        return self._path(digest).exists()

    def add(self, digest: Digest, size: int, chunks: Iterable[bytes]) -> None:
        """See `LayoutWriter`."""
        path = self._path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with part.open("wb") as file:
                for chunk in _checked(digest, size, chunks):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise LayoutError(f"{self._place} cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)

    def finish(self, manifests: Sequence[Mapping[str, Any]], annotations: Mapping[str, str]) -> None:
        """See `LayoutWriter`. What the layout offered before stays, but under a name that is given anew."""
        path = self._place / "index.json"
        kept: list[Mapping[str, Any]] = []
        if path.exists():
            taken = {_key(each) for each in manifests}
            before = _parsed(path.read_bytes()[:_INDEX_BYTES], self._place)["manifests"]
            kept = [each for each in before if isinstance(each, dict) and _key(each) not in taken]
        part = self._place / f".index.json.{os.getpid()}"
        with part.open("wb") as file:
            file.write(_index([*kept, *manifests], annotations))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def _path(self, digest: Digest) -> Path:
        return self._place / "blobs" / digest.algorithm / digest.encoded


def _key(entry: Mapping[str, Any]) -> object:
    """What an entry of the index is known by: its name, else its digest and repository."""
    annotations = entry.get("annotations")
    notes = annotations if isinstance(annotations, dict) else {}
    name = notes.get("org.opencontainers.image.ref.name")
    return (
        ("name", str(name)) if name else ("digest", str(entry.get("digest")), str(notes.get("dev.holdfast.repository")))
    )


class _TarWriter:
    """Blobs are members of one file, which is there when it is whole."""

    def __init__(self, place: Path) -> None:
        if place.exists():
            raise LayoutError(f"{place} is there already: remove it, or name another file")
        place.parent.mkdir(parents=True, exist_ok=True)
        self._place = place
        self._part = place.with_name(f".{place.name}.{os.getpid()}")
        self._tar = tarfile.open(self._part, "w")  # noqa: SIM115 - closed by finish
        self._there: set[str] = set()
        self._member("oci-layout", len(_LAYOUT), io.BytesIO(_LAYOUT))

    def has(self, digest: Digest) -> bool:
        """See `LayoutWriter`."""
        return digest in self._there

    def add(self, digest: Digest, size: int, chunks: Iterable[bytes]) -> None:
        """See `LayoutWriter`."""
        try:
            source = _Pieces(_checked(digest, size, chunks))
            self._member(f"blobs/{digest.algorithm}/{digest.encoded}", size, source)
            source.drain()
        except OSError as error:
            raise LayoutError(
                f"{self._place} cannot be written: {error.strerror or 'the bytes end too early'}"
            ) from error
        self._there.add(digest)

    def finish(self, manifests: Sequence[Mapping[str, Any]], annotations: Mapping[str, str]) -> None:
        """See `LayoutWriter`."""
        data = _index(manifests, annotations)
        self._member("index.json", len(data), io.BytesIO(data))
        self._tar.close()
        with self._part.open("rb") as file:
            os.fsync(file.fileno())
        self._part.replace(self._place)

    def _member(self, name: str, size: int, file: Any) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o644
        self._tar.addfile(info, file)


class _Pieces(io.RawIOBase):
    """Chunks as a file that is read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._held = b""

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; '' at the end."""
        found: list[bytes] = []
        left = size
        while left:
            if not self._held:
                self._held = next(self._chunks, b"")
                if not self._held:
                    break
            found.append(self._held[:left])
            self._held = self._held[left:]
            left -= len(found[-1])
        return b"".join(found)

    def drain(self) -> None:
        """Read what is left: the check of all bytes comes with the end."""
        for _ in self._chunks:
            pass


class _DirectoryReader:
    """A directory."""

    def __init__(self, place: Path) -> None:
        self._place = place
        if not (place / "index.json").exists():
            raise LayoutError(f"{place} is no image layout: it has no index.json")
        with (place / "index.json").open("rb") as file:
            self.index = _parsed(file.read(_INDEX_BYTES), place)

    def size(self, digest: Digest) -> int | None:
        """See `LayoutReader`."""
        path = self._path(digest)
        return path.stat().st_size if path.is_file() else None

    def read(self, digest: Digest) -> Iterator[bytes]:
        """See `LayoutReader`."""
        with self._path(digest).open("rb") as file:
            yield from _checked(digest, os.fstat(file.fileno()).st_size, iter(lambda: file.read(BLOCK), b""))

    def _path(self, digest: Digest) -> Path:
        return self._place / "blobs" / digest.algorithm / digest.encoded


class _TarReader:
    """A tar file, whose members are read where they lie."""

    def __init__(self, place: Path) -> None:
        self._file = place.open("rb")
        self._where: dict[str, tuple[int, int]] = {}
        index: bytes | None = None
        with tarfile.open(fileobj=self._file, mode="r:") as tar:
            for number, member in enumerate(tar):
                if number > _MEMBERS:
                    raise LayoutError(f"{place} has more than {_MEMBERS} members")
                tar.members = []  # type: ignore[attr-defined]  # else it remembers them all
                if not member.isreg():
                    continue
                name = member.name.removeprefix("./")
                self._where[name] = (member.offset_data, member.size)
                if name == "index.json":
                    index = self._at(member.offset_data, min(member.size, _INDEX_BYTES))
        if index is None:
            raise LayoutError(f"{place} is no image layout: it has no index.json")
        self.index = _parsed(index, place)

    def size(self, digest: Digest) -> int | None:
        """See `LayoutReader`."""
        found = self._where.get(f"blobs/{digest.algorithm}/{digest.encoded}")
        return found[1] if found is not None else None

    def read(self, digest: Digest) -> Iterator[bytes]:
        """See `LayoutReader`."""
        start, size = self._where[f"blobs/{digest.algorithm}/{digest.encoded}"]
        return _checked(digest, size, _span(self._file, start, size))

    def _at(self, start: int, size: int) -> bytes:
        before = self._file.tell()
        self._file.seek(start)
        data = self._file.read(size)
        self._file.seek(before)
        return data


def _span(file: IO[bytes], start: int, size: int) -> Iterator[bytes]:
    """The bytes of a member; others may read the file between two pieces."""
    at, end = start, start + size
    while at < end:
        file.seek(at)
        piece = file.read(min(BLOCK, end - at))
        if not piece:
            return
        at += len(piece)
        yield piece
