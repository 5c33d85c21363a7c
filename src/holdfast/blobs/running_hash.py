"""A digest computed while bytes pass: read at any time and, where libcrypto allows it, put aside and resumed.

A saved state names its format, algorithm, libcrypto generation, byte order and size, and carries a checksum. A state
that is anything else than exactly what this process would have written is not usable, which costs a re-reading of the
content and nothing more.
"""

import ctypes
import hashlib
import sys
from typing import Protocol

from holdfast.blobs import libcrypto

ALGORITHMS = tuple(libcrypto.LAYOUTS)
_CHECKSUM = 16
_PLAIN_BUFFER = 0


class _Py_buffer(ctypes.Structure):  # noqa: N801 -- named after the C structure (PEP 3118)
    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_void_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


def check_algorithm(algorithm: str) -> str:
    """Return `algorithm` if it is one of ALGORITHMS, else raise ValueError."""
    if algorithm not in ALGORITHMS:
        raise ValueError("unknown digest algorithm")
    return algorithm


class RunningHash:
    """The digest of what `update` has seen. `length` is how many bytes that is, saved ones included.

    `algorithm` is one of ALGORITHMS (else ValueError). With a `state` that cannot be used it starts from nothing, so
    whoever passes one looks whether it `resumed`, or compares `length` with what it should be.
    """

    def __init__(self, algorithm: str, state: bytes | None = None) -> None:
        self.algorithm = check_algorithm(algorithm)
        self.length = 0
        self.resumed = False
        self._engine: _Engine
        sha = libcrypto.load(algorithm)
        if sha is None:
            self._engine = _Unsaveable(algorithm)
            return
        self._engine = saveable = _Saveable(sha, algorithm, state)
        self.length = saveable.length
        self.resumed = saveable.resumed

    @classmethod
    def going_on(cls, algorithm: str | None, state: bytes | None) -> "RunningHash | None":
        """Return one that starts from `state`, or from nothing with None; None for a state that cannot be used, and
        where nothing is to be hashed (no `algorithm`)."""
        if algorithm is None:
            return None
        running = cls(algorithm, state)
        return running if state is None or running.resumed else None

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """See `data` (contiguous bytes; not copied; no interpreter lock while hashing)."""
        self._engine.update(data)
        self.length += data.nbytes if isinstance(data, memoryview) else len(data)

    def digest(self) -> str:
        """Return `algorithm:hex` of everything seen so far; more may follow."""
        return f"{self.algorithm}:{self._engine.digest()}"

    def state(self) -> bytes | None:
        """Return what another RunningHash needs to go on from here; None where that is not possible."""
        return self._engine.state()


class _Engine(Protocol):
    def update(self, data: bytes | bytearray | memoryview) -> None: ...

    def digest(self) -> str: ...

    def state(self) -> bytes | None: ...


class _Unsaveable:
    """The standard library's hash."""

    def __init__(self, algorithm: str) -> None:
        self._hash = hashlib.new(algorithm)

    def update(self, data: bytes | bytearray | memoryview) -> None:
        self._hash.update(data)

    def digest(self) -> str:
        return self._hash.copy().hexdigest()

    def state(self) -> bytes | None:
        return None


class _Saveable:
    """Libcrypto's hash; `length` is what a usable state brought along."""

    def __init__(self, sha: libcrypto.Sha, algorithm: str, state: bytes | None) -> None:
        self._sha = sha
        self._tag = f"hf1 {algorithm} ossl{sha.version} {sys.byteorder} {sha.layout.size}\n".encode()
        saved = self._checked(state) if state else None
        restored = sha.restore(saved) if saved else None
        self.resumed = restored is not None
        self.length = sha.length(saved) if saved and restored is not None else 0
        self._context = sha.new() if restored is None else restored

    def update(self, data: bytes | bytearray | memoryview) -> None:
        if isinstance(data, bytes):
            self._sha.update(self._context, data, len(data))
            return
        view = _Py_buffer()
        ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(data), ctypes.byref(view), _PLAIN_BUFFER)
        try:
            if view.len:
                self._sha.update(self._context, view.buf, view.len)
        finally:
            ctypes.pythonapi.PyBuffer_Release(ctypes.byref(view))

    def digest(self) -> str:
        return self._sha.digest(self._context).hex()

    def state(self) -> bytes | None:
        body = self._tag + self._sha.save(self._context)
        return body + hashlib.sha256(body).digest()[:_CHECKSUM]

    def _checked(self, state: bytes) -> bytes | None:
        body, checksum = state[:-_CHECKSUM], state[-_CHECKSUM:]
        if not body.startswith(self._tag) or hashlib.sha256(body).digest()[:_CHECKSUM] != checksum:
            return None
        return body[len(self._tag) :]
