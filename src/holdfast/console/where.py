"""Which repository or namespace a page is about, from its address."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.web.formats import urlpath
from holdfast.web.site import Handler, Route
from holdfast.web.visit import Visit

BOTH = ("/r/{repository:name}/-/", "/n/{namespace:name}/-/")


class Where(NamedTuple):
    """A repository (`scope` 'r'), a namespace ('n'), or everything ('')."""

    scope: str
    path: str

    @classmethod
    def of(cls, visit: Visit) -> Where:
        """What the address of a visit names."""
        repository = visit.named.get("repository")
        if repository is not None:
            return cls("r", repository)
        namespace = visit.named.get("namespace")
        return cls("n", namespace) if namespace is not None else cls("", "")

    @property
    def name(self) -> str:
        """What people call it."""
        return self.path or "The registry"

    @property
    def whole(self) -> bool:
        """Whether it is about everything below the path, too."""
        return self.scope != "r"

    def at(self, suffix: str = "") -> str:
        """The address of another page of it."""
        if not self.scope:
            return f"/admin/{suffix}"
        return f"/{self.scope}/{urlpath(self.path)}" + (f"/-/{suffix}" if suffix else "")


def both(method: str, suffix: str, handler: Handler) -> list[Route]:
    """The routes of a page that repositories and namespaces have."""
    return [Route(method, prefix + suffix, handler) for prefix in BOTH]
