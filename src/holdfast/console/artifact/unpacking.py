"""A program of its own: a packed chart comes in, its `values.yaml` goes out.

An archive may be a bomb whatever its size is, so nobody reads one inside the server. This reads at most `MOST_PACKED`
bytes, unpacks at most `MOST_UNPACKED` of them in memory, looks at so many entries, and may use so much time and memory;
nothing is written anywhere. It ends with 0 when there are values, with 3 when there are none, with 4 when the archive
goes beyond a bound, with anything else when it is none.
"""

from __future__ import annotations

import io
import resource
import sys
import tarfile
import zlib

MOST_PACKED = 1 << 20
MOST_UNPACKED = 16 << 20
MOST_VALUES = 256 << 10
MOST_ENTRIES = 5_000
SECONDS = 2
MEMORY = 512 << 20
FOUND, NONE, BEYOND = 0, 3, 4
_GZIP = 31


def values_of(packed: bytes) -> tuple[int, bytes]:
    """How it ended, and the values."""
    engine = zlib.decompressobj(_GZIP)
    data = engine.decompress(packed, MOST_UNPACKED)
    if engine.unconsumed_tail:
        return BEYOND, b""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for seen, entry in enumerate(archive):
            if seen >= MOST_ENTRIES:
                return BEYOND, b""
            parts = entry.name.split("/")
            if len(parts) == 2 and parts[1] == "values.yaml" and entry.isreg():
                file = archive.extractfile(entry)
                return FOUND, file.read(MOST_VALUES) if file is not None else b""
    return NONE, b""


def main() -> int:
    """Read the archive, write the values."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    ended, values = values_of(sys.stdin.buffer.read(MOST_PACKED))
    sys.stdout.buffer.write(values)
    sys.stdout.flush()
    return ended


if __name__ == "__main__":
    sys.exit(main())
