"""Image configurations: what a runtime is told, read leniently and within bounds.

A configuration is a blob that nobody checked when it was pushed: whatever in it is not as the specification has it
(image-spec, config.md) is left out, and all texts stay texts. Nothing here decides what the registry keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from holdfast.oci import mediatype
from holdfast.oci.document import decode
from holdfast.oci.errors import ManifestInvalid

MAX_BYTES: Final = 4 * 1024 * 1024
"""Of a larger configuration nothing is read."""
MAX_ENTRIES: Final = 10_000
MAX_TEXT: Final = 65_536
"""Characters of one text; the rest is cut off."""

_TYPES: Final = frozenset({mediatype.OCI_CONFIG, mediatype.DOCKER_CONFIG})


class Platform(NamedTuple):
    """For what an image is (image-spec, image-index.md); '' where it is not said."""

    os: str = ""
    architecture: str = ""
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether it names a platform at all; attestations say `unknown/unknown`."""
        return self.os not in ("", "unknown") and self.architecture not in ("", "unknown")

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def document(self) -> dict[str, object]:
        """As a descriptor of an index has it."""
        found: dict[str, object] = {"architecture": self.architecture, "os": self.os}
        if self.os_features:
            found["os.features"] = list(self.os_features)
        if self.os_version:
            found["os.version"] = self.os_version
        if self.variant:
            found["variant"] = self.variant
        return found


UNKNOWN: Final = Platform()


class Step(NamedTuple):
    """A line of the history: the command, when (as it is written there), a comment; `empty`: it made no layer."""

    command: str
    created: str
    comment: str
    empty: bool


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What a configuration says. `ports`, `volumes`: their names, sorted; `env`: as `NAME=VALUE`."""

    platform: Platform = UNKNOWN
    created: str = ""
    author: str = ""
    user: str = ""
    working_dir: str = ""
    stop_signal: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    history: tuple[Step, ...] = ()


def is_image_config(media_type: str) -> bool:
    """Whether a blob of this type is the configuration of an image."""
    return media_type in _TYPES


def parse_config(data: bytes) -> ImageConfig | None:
    """What the configuration in `data` says; None when it is too large, or no JSON object."""
    if len(data) > MAX_BYTES:
        return None
    try:
        document = decode(data)
    except ManifestInvalid:
        return None
    config = _object(document.get("config"))
    return ImageConfig(
        platform=platform_of(document),
        created=_text(document.get("created")),
        author=_text(document.get("author")),
        user=_text(config.get("User")),
        working_dir=_text(config.get("WorkingDir")),
        stop_signal=_text(config.get("StopSignal")),
        entrypoint=_texts(config.get("Entrypoint")),
        command=_texts(config.get("Cmd")),
        env=_texts(config.get("Env")),
        ports=_names(config.get("ExposedPorts")),
        volumes=_names(config.get("Volumes")),
        labels=_mapping(config.get("Labels")),
        history=_history(document.get("history")),
    )


def platform_of(document: Mapping[str, Any]) -> Platform:
    """The platform that a configuration, or the `platform` of a descriptor, says."""
    return Platform(
        _text(document.get("os")),
        _text(document.get("architecture")),
        _text(document.get("variant")),
        _text(document.get("os.version")),
        _texts(document.get("os.features")),
    )


def _history(value: object) -> tuple[Step, ...]:
    steps = [each for each in value[:MAX_ENTRIES] if type(each) is dict] if type(value) is list else []
    return tuple(
        Step(
            _text(each.get("created_by")),
            _text(each.get("created")),
            _text(each.get("comment")),
            each.get("empty_layer") is True,
        )
        for each in steps
    )


def _object(value: object) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _text(value: object) -> str:
    return value[:MAX_TEXT] if type(value) is str else ""


def _texts(value: object) -> tuple[str, ...]:
    """A list of texts; one text is a list of it, as some builders write it."""
    if type(value) is str:
        return (_text(value),)
    return tuple(_text(each) for each in value[:MAX_ENTRIES] if type(each) is str) if type(value) is list else ()


def _names(value: object) -> tuple[str, ...]:
    return tuple(sorted(_text(key) for key in _object(value)))[:MAX_ENTRIES]


def _mapping(value: object) -> dict[str, str]:
    found = ((_text(key), _text(text)) for key, text in _object(value).items() if type(text) is str)
    return dict(sorted(found)[:MAX_ENTRIES])
