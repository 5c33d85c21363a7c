"""What a start prints on standard output: the address, the lines to type, and once the administrator's password.

It is never logged: the logger does not see it. Lines are not wrapped, and flushed at once, terminal or not.
"""

from __future__ import annotations

import sys

from holdfast import __version__
from holdfast.access.accounts.administrator import ADMINISTRATOR
from holdfast.app.config import Settings
from holdfast.app.config_stores import shown_database
from holdfast.app.datadir import DataDirectory
from holdfast.app.masters import keeps_own_key, seals


def address(settings: Settings) -> tuple[str, str]:
    """The URL and the host part that clients name the registry by."""
    if settings.public_url is not None:
        return settings.public_url, settings.public_url.split("://", 1)[1]
    host = str(settings.listen)
    return ("https://" if settings.tls_cert is not None else "http://") + host, host


def _place(settings: Settings) -> str:
    """What is served, by where it is kept."""
    places = [shown_database(settings.database.url.reveal())] if settings.database.url is not None else []
    places += [settings.storage.url.partition("?")[0]] if settings.storage.url is not None else []
    return " and ".join([str(settings.data), *places] if len(places) < 2 else places)


def print_banner(settings: Settings, password: str | None) -> None:
    """Print the start-up lines. `password`: the generated one, on the very first start only."""
    url, host = address(settings)
    lines = [f"Holdfast {__version__} serves {_place(settings)} at {url}"]
    if password is not None:
        lines += [
            "",
            f"user: {ADMINISTRATOR}",
            f"password: {password}",
            "(shown this once; `holdfast admin reset admin` makes a new one)",
        ]
    lines += ["", "Use it:"]
    if not settings.open:
        lines.append(f"  docker login {host} -u {ADMINISTRATOR}")
    lines += [
        f"  docker pull alpine && docker tag alpine {host}/team/alpine:1 && docker push {host}/team/alpine:1",
        f"  docker pull {host}/team/alpine:1",
    ]
    if settings.open:
        lines.append("Open: everyone who reaches this address may do everything.")
    if seals(settings) and keeps_own_key(settings):
        key = DataDirectory(settings.data).master_key
        lines.append(f"Encrypted: {key} opens everything. Keep a copy of it elsewhere; without it nothing can be read.")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
