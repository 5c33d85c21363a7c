"""Opening registries for a verb, and telling how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from holdfast.cli.client import check_transport
from holdfast.cli.contexts import Context
from holdfast.cli.exchange.credentials import Secret, of_context, of_docker
from holdfast.cli.exchange.reference import Reference
from holdfast.cli.exchange.wire import Remote
from holdfast.cli.output import Api
from holdfast.cli.stages import show_stages

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Progress(NamedTuple):
    """How much came, in bytes."""

    stage: str
    done: int
    total: int = 0
    unit: str = "B"


class Counter:
    """Shows on standard error how many bytes came while the block runs."""

    def __init__(self, word: str) -> None:
        self._stages = show_stages(word)
        self._came = 0

    def came(self, size: int) -> None:
        """So many more."""
        self._came += size
        self._stages.show(Progress("bytes", self._came, self._came))

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the screen as it was."""
        self._stages.close()


@contextmanager
def registry_of(api: Api) -> Iterator[Remote]:
    """The registry that one is logged in to."""
    context: Context = api.client.context
    check_transport(context)
    remote = Remote(context.url, lambda: of_context(context), context.ca)
    try:
        yield remote
    finally:
        remote.close()


@contextmanager
def registry_at(reference: Reference, *, plain_http: bool, ca: str) -> Iterator[Remote]:
    """The registry of `reference`, logged in to as docker is. Plain HTTP on loopback, and where `plain_http` says."""
    host = urlsplit(f"//{reference.server}").hostname or ""
    plain = plain_http or host in _LOOPBACK or host == "::1"

    def secret() -> Secret:
        return of_docker(reference.host)

    remote = Remote(f"{'http' if plain else 'https'}://{reference.server}", secret, ca)
    try:
        yield remote
    finally:
        remote.close()
