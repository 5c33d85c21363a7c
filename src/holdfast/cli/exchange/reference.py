"""What people call an image: `HOST/NAME[:TAG][@DIGEST]`, as docker reads it."""

from __future__ import annotations

import re
from typing import NamedTuple

from holdfast.oci.digest import Digest
from holdfast.oci.errors import NameInvalid, excerpt
from holdfast.oci.name import RepositoryName, Tag

DOCKER_HUB = "docker.io"
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?")
_HUB_SERVER = "registry-1.docker.io"


class Reference(NamedTuple):
    """An image somewhere. `host`: '' is the registry that one is logged in to; neither tag nor digest: all tags."""

    host: str
    repository: RepositoryName
    tag: Tag | None = None
    digest: Digest | None = None

    @property
    def server(self) -> str:
        """The host that serves it: Docker Hub's is called otherwise than its images."""
        return _HUB_SERVER if self.host == DOCKER_HUB else self.host

    @property
    def named(self) -> str:
        """The tag or digest; '' where all tags are meant."""
        return self.digest or self.tag or ""

    def __str__(self) -> str:
        where = f"{self.host}/{self.repository}" if self.host else str(self.repository)
        tag = f":{self.tag}" if self.tag else ""
        return where + tag + (f"@{self.digest}" if self.digest else "")


def parse_reference(text: str, *, local: bool = False) -> Reference:
    """What `text` names. `local`: a name without a host is of the registry that one is logged in to; else of Docker
    Hub, as docker takes it. Raises `holdfast.oci.errors.Invalid`."""
    name, _, digest = text.partition("@")
    head, slash, rest = name.partition("/")
    host = ""
    if slash and (any(sign in head for sign in ".:") or head == "localhost"):
        host, name = head, rest
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        colon, path, tag = "", name, ""
    if host and not _HOST.fullmatch(host):
        raise NameInvalid(f"{excerpt(host)} is no host of a registry.", name=host)
    if not host and not local:
        host = DOCKER_HUB
    if host == "index.docker.io":
        host = DOCKER_HUB
    if host == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    return Reference(
        host,
        RepositoryName.parse(path),
        Tag.parse(tag) if colon else None,
        Digest.parse(digest) if digest else None,
    )
