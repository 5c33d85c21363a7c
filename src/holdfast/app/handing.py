"""Which requests come by a proxy that sends files by itself, and what it calls them (nginx's X-Accel-Redirect).

The header that names a file goes to trusted proxies only: to anybody else it would be a path of the store's, and an
answer without a body.
"""

from __future__ import annotations

from collections.abc import Callable

from holdfast.app.proxies import Proxies
from holdfast.distribution.request import Scope


class Handing:
    """One a worker. `location`: where the proxy has the directory of objects; `place`: where in it a key's file is."""

    def __init__(self, location: str, place: Callable[[str], str], proxies: Proxies) -> None:
        self._location = location
        self._place = place
        self._proxies = proxies

    def __call__(self, scope: Scope) -> Callable[[str], str] | None:
        """What gives the proxy's name for a key; None when the request came from elsewhere."""
        client = scope.get("client")
        return self._name if client and self._proxies.trusts(client[0]) else None

    def _name(self, key: str) -> str:
        return self._location + self._place(key)
