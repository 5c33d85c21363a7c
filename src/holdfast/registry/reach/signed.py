"""The tags that belong to digests, `sha256-<hex>[.*]`: what they point to belongs to that content as a referrer does.

Promises: of a repository that has few of them, which is nearly every one, a single statement reads them all; else they
are asked for digest by digest. Only manifests that are whole are given.
"""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.db.port import Reader
from holdfast.oci.manifest import Kind
from holdfast.oci.name import signed_digest
from holdfast.registry.model import State
from holdfast.registry.reach import store
from holdfast.registry.reach.spans import SIGNATURES
from holdfast.registry.reach.store import SignedRow

_FEW = 500
_MOST = 1_000
"""So many tags of one digest are looked at."""
_BEYOND = "/"  # what follows '.' among characters


class SignedTags:
    """The tags of one repository that belong to digests, read when they are first asked for."""

    def __init__(self, reader: Reader, repo_id: int) -> None:
        self._reader = reader
        self._repo_id = repo_id
        self._all: dict[str, list[SignedRow]] | None = None
        self._few = True

    async def of(self, digests: Iterable[str]) -> list[SignedRow]:
        """Those that belong to one of `digests`, by name."""
        if self._all is None:
            rows = await self._rows(SIGNATURES.low, SIGNATURES.high, _FEW + 1)
            self._few, self._all = len(rows) <= _FEW, {}
            for row in rows:
                self._all.setdefault(signed_digest(row.name) or "", []).append(row)
        found: list[SignedRow] = []
        for digest in digests:
            if not digest.startswith("sha256:"):
                continue
            if self._few:
                found += self._all.get(digest, [])
                continue
            name = f"sha256-{digest[7:]}"
            found += await self._rows(name, name + _BEYOND, _MOST)
        return sorted(row for row in found if _is_whole(row))

    async def _rows(self, low: str, high: str, limit: int) -> list[SignedRow]:
        return await self._reader.all(store.SIGNED, repo_id=self._repo_id, low=low, high=high, limit=limit)


def _is_whole(row: SignedRow) -> bool:
    return signed_digest(row.name) is not None and row.kind != Kind.BLOB and row.state == State.STORED
