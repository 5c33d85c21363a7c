"""A change as a job does it, and what came of one item."""

from __future__ import annotations

import json
from typing import NamedTuple

from holdfast.access.model import DeletePermit, Identity, PathPermit
from holdfast.access.service import Access
from holdfast.journal.model import Origin
from holdfast.oci.name import RepositoryName
from holdfast.registry.several import store
from holdfast.registry.several.model import Kind, Wish

MOVED = "it points to something else by now"
GONE = "it is not there any more"


class Done(NamedTuple):
    """An item that was changed: what it is since, and what was before."""

    now: str | None = None
    before: str | None = None


class Left(Exception):
    """An item that is left as it is; the text says why."""


class Task:
    """A change as it is done. `request`: how the history names the job."""

    def __init__(self, row: store.ChangeRow, request: str) -> None:
        self.row = row
        self.kind = Kind(row.kind)
        self.wish = Wish(**json.loads(row.wish))
        asked = Origin(**json.loads(row.origin))
        self.origin = asked._replace(request=request)

    @property
    def path(self) -> RepositoryName:
        """The repository whose tags are changed."""
        return RepositoryName.parse(self.row.path)

    @property
    def target(self) -> RepositoryName:
        """Where a promotion or a retag leads."""
        return RepositoryName.parse(self.wish.target or self.row.path)


class Rights(NamedTuple):
    """Who asked for a task, with his rights of this moment."""

    access: Access
    who: Identity
    origin: Origin

    def path(self, path: str) -> PathPermit:
        """His permit at and below a path."""
        return self.access.path(self.who, path, self.origin)

    def delete(self, path: RepositoryName) -> DeletePermit:
        """His permit to delete in a repository. Raises `Denied`."""
        return self.access.delete(self.who, path, self.origin)
