"""The registry as those see it who are to be connected: its address, whether by TLS, and by which authority."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from holdfast.cli.client import is_loopback
from holdfast.cli.contexts import Context, ContextError, check_url

_LARGEST = 1 << 20
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?\Z")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----", re.ASCII)


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry. `url`: scheme and address; `authority`: its own certificates (PEM, one line end at the end), '' where
    clients trust it anyway; `authority_file`: where they were read."""

    url: str
    authority: str = ""
    authority_file: str = ""

    @property
    def host(self) -> str:
        """Host, with the port if there is one: how images are named."""
        return urlsplit(self.url).netloc

    @property
    def plain(self) -> bool:
        """Whether it speaks plain HTTP."""
        return self.url.startswith("http:")

    @property
    def loopback(self) -> bool:
        """Whether it is an address of each machine itself."""
        return is_loopback(urlsplit(self.url).hostname or "")


def registry_of(context: Context, given: str | None, ca_file: str | None) -> Registry:
    """The registry of `context`, or the one at the address `given`, with the authority in `ca_file`, else that of the
    context. Raises `click.UsageError`."""
    try:
        url = check_url(given) if given is not None else context.url
    except ContextError as error:
        raise click.UsageError(str(error)) from error
    if not _HOST.match(urlsplit(url).netloc):
        raise click.UsageError(f"{url[:128]!r} cannot be in the name of an image: https://HOST[:PORT]")
    path = ca_file or context.ca
    if url.startswith("http:") or not path:
        return Registry(url)
    try:
        with Path(path).open(encoding="ascii", errors="replace") as file:
            found = _CERTIFICATE.findall(file.read(_LARGEST))
    except OSError as error:
        raise click.UsageError(f"the certificates in {path} cannot be read: {error.strerror}") from error
    if not found:
        raise click.UsageError(f"{path} holds no certificate")
    text = "".join(f"{certificate.strip()}\n" for certificate in found)
    return Registry(url, text.replace("\r", ""), str(Path(path).absolute()))
