"""The kinds of setting that name where rows and objects are kept: the database's URL and the bucket's.

Only the form is judged here; whether anything answers there is for `holdfast doctor` and the start. A database's URL
may hold a password, so it is shown without one.
"""

import re
from urllib.parse import urlsplit

from holdfast.app.config_kinds import Kind, Secret, text_of
from holdfast.blobs.object_url import parse_bucket_url

_DATABASE_SCHEMES = ("postgresql", "postgres")


def database_url() -> Kind:
    """`postgresql://user@host:port/name?sslmode=verify-full`; a password may stand in it and is never shown."""

    def read(value: object) -> Secret:
        text = text_of(value)
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:
            raise ValueError("is not a URL") from None
        if parts.scheme not in _DATABASE_SCHEMES:
            raise ValueError("does not begin with postgresql://")
        if len(parts.path) < 2 or "/" in parts.path[1:]:
            raise ValueError("does not name a database")
        if parts.fragment:
            raise ValueError("has a fragment (write # as %23)")
        return Secret(text)

    def plain(value: object) -> str | None:
        return shown_database(value.reveal()) if isinstance(value, Secret) else None

    return Kind("URL", "postgresql://[USER@]HOST[:PORT]/DATABASE[?sslmode=...]", read, plain)


def shown_database(url: str) -> str:
    """The URL without password and query values, for people and logs."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    user = f"{parts.username}@" if parts.username else ""
    port = f":{parts.port}" if parts.port else ""
    return f"postgresql://{user}{host}{port}{parts.path}"


def storage_url() -> Kind:
    """`s3://bucket/prefix?endpoint=https://...&region=...`, `gs://bucket/prefix`, `az://container/prefix`."""

    def read(value: object) -> str:
        text = text_of(value)
        parse_bucket_url(text)
        return text

    return Kind("URL", "s3://BUCKET/PREFIX?endpoint=URL&region=NAME, gs://BUCKET/PREFIX or az://CONTAINER", read)


def location() -> Kind:
    """A path in a proxy's configuration, such as `/holdfast-files/`."""

    def read(value: object) -> str:
        text = text_of(value)
        if not re.fullmatch(r"/(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}/){1,8}", text):
            raise ValueError("is not a path that begins and ends with /")
        if text.startswith("/v2/"):
            raise ValueError("lies where clients ask")
        return text

    return Kind("PATH", "a path that begins and ends with /, such as /holdfast-files/", read)


def word() -> Kind:
    """A name of letters, digits, dots, dashes and underscores."""

    def read(value: object) -> str:
        text = text_of(value)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", text):
            raise ValueError("is not a plain name")
        return text

    return Kind("NAME", "letters, digits, dots, dashes and underscores", read)
