"""Where a bucket is, as it is written in one address: what a user types, checked before anything is asked of a network.

    s3://BUCKET[/PREFIX][?endpoint=URL][&region=NAME][&style=path|virtual][&ca=FILE]
    gs://BUCKET[/PREFIX][?endpoint=URL][&ca=FILE]
    az://CONTAINER[/PREFIX][?account=NAME][&endpoint=URL][&ca=FILE]

No secret stands in an address: credentials come from each cloud's usual environment variables, or from the role that
the machine has. `http://` is spoken only where an endpoint says so.
"""

import re
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import parse_qsl, urlsplit

Scheme = Literal["s3", "gs", "az"]

_PARAMETERS: dict[str, frozenset[str]] = {
    "s3": frozenset({"endpoint", "region", "style", "ca"}),
    "gs": frozenset({"endpoint", "ca"}),
    "az": frozenset({"endpoint", "account", "ca"}),
}
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SECRET = re.compile(r"secret|password|(?:^|&)[^=&]*key")
_PREFIX_MOST = 256


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """One bucket (container, on Azure) and how it is reached. `prefix` has no slash at either end and may be empty."""

    scheme: Scheme
    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    virtual_hosted: bool = False
    account: str | None = None
    ca_file: str | None = None

    def path(self, name: str) -> str:
        """Return where `name` lies in the bucket."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def endpoint_of(self, endpoint: str) -> str:
        """Return `endpoint` as requests are made to it: in virtual-hosted style the bucket is part of its host."""
        if self.scheme != "s3" or not self.virtual_hosted:
            return endpoint
        scheme, _, rest = endpoint.partition("://")
        return f"{scheme}://{self.bucket}.{rest}"


def parse_bucket_url(text: str) -> BucketAddress:
    """Return what the address `text` says; raises ValueError with the rest of a sentence that begins with its name."""
    scheme, found, rest = text.partition("://")
    if not found or scheme not in _PARAMETERS:
        raise ValueError("does not begin with s3://, gs:// or az://")
    place, _, query = rest.partition("?")
    bucket, _, prefix = place.partition("/")
    if "@" in place or _SECRET.search(query.lower()):
        raise ValueError("holds a credential, which belongs into the cloud's usual environment variables")
    if "#" in rest:
        raise ValueError("has a fragment (write # as %23)")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError("does not name a bucket")
    prefix = prefix.strip("/")
    if len(prefix) > _PREFIX_MOST or (prefix and not all(map(_SEGMENT.fullmatch, prefix.split("/")))):
        raise ValueError("has an empty or dotted part in its prefix, or other letters there than A-Z a-z 0-9 . _ -")
    said = _parameters(scheme, query)
    return BucketAddress(
        scheme=cast("Scheme", scheme),
        bucket=bucket,
        prefix=prefix,
        endpoint=check_endpoint(said["endpoint"]) if "endpoint" in said else None,
        region=_word("region", said.get("region")),
        virtual_hosted=_style(said.get("style")),
        account=_word("account", said.get("account")),
        ca_file=said.get("ca") or None,
    )


def check_endpoint(text: str) -> str:
    """Return the endpoint `text` without a slash at its end; raises ValueError unless it is http(s)://HOST[...]."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("has an endpoint that is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("has an endpoint that does not begin with http:// or https:// and a host")
    if parts.query or parts.fragment or parts.username is not None or parts.password is not None:
        raise ValueError("has an endpoint with more than host, port and path")
    return text.rstrip("/")


def _parameters(scheme: str, query: str) -> dict[str, str]:
    said: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _PARAMETERS[scheme]:
            raise ValueError(f"has an option that is not known: {name[:64]}")
        if name in said:
            raise ValueError(f"has the option {name} twice")
        said[name] = value
    return said


def _word(name: str, value: str | None) -> str | None:
    if value is not None and not _WORD.fullmatch(value):
        raise ValueError(f"has a {name} that is not a plain name")
    return value


def _style(value: str | None) -> bool:
    if value not in (None, "path", "virtual"):
        raise ValueError("has a style that is neither path (https://HOST/BUCKET) nor virtual (https://BUCKET.HOST)")
    return value == "virtual"
