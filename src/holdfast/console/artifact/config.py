"""The configuration of an image as a page shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from holdfast.oci.document import decode
from holdfast.oci.errors import ManifestInvalid
from holdfast.oci.image_config import ImageConfig

MOST = 200
"""So many variables, labels or annotations are shown."""
_SECRET = re.compile(
    r"(?:\A|_)(?:pass(?:wd|word|phrase)?|pwd|secret|token|api_?key|access_?key|secret_?key|private_?key|credentials?|auth)"
    r"(?:\Z|_)",
    re.IGNORECASE,
)
_MOST_RAW = 128 << 10
_MOST_PRETTY = 512 << 10


class Variable(NamedTuple):
    """A line of the environment. `secret`: its name says that its value may be one."""

    name: str
    value: str
    secret: bool


class Pairs(NamedTuple):
    """Names and texts, the first `MOST` of so many."""

    shown: list[tuple[str, str]]
    total: int


class Variables(NamedTuple):
    """Variables, the first `MOST` of so many."""

    shown: list[Variable]
    total: int


class Raw(NamedTuple):
    """A document as text, put on lines where it is JSON; `cut`: it is longer."""

    title: str
    media_type: str
    digest: str
    size: int
    text: str
    cut: bool


def environment(config: ImageConfig) -> Variables:
    """What the environment of a container is."""
    found = []
    for line in config.env[:MOST]:
        name, _, value = line.partition("=")
        found.append(Variable(name, value, bool(value) and is_secret(name)))
    return Variables(found, len(config.env))


def is_secret(name: str) -> bool:
    """Whether the name of a variable says that its value may be a secret."""
    return _SECRET.search(name) is not None


def pairs(texts: Mapping[str, str]) -> Pairs:
    """Labels or annotations, by name."""
    return Pairs(sorted(texts.items())[:MOST], len(texts))


def words(texts: tuple[str, ...]) -> str:
    """A command as its words are written in a configuration, so that nothing of it is lost; '' for none."""
    return json.dumps(list(texts), ensure_ascii=False) if texts else ""


def raw(title: str, media_type: str, digest: str, data: bytes) -> Raw:
    """A document as it is stored."""
    text = data.decode("utf-8", "replace")
    if len(data) <= _MOST_PRETTY:
        with suppress(ManifestInvalid):
            text = json.dumps(decode(data), indent=2, ensure_ascii=False)
    return Raw(title, media_type, digest, len(data), text[:_MOST_RAW], len(text) > _MOST_RAW)
