"""Layers beside the lines of the history that made them, and two such lists side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from holdfast.oci.image_config import ImageConfig, Step
from holdfast.oci.manifest import Manifest
from holdfast.registry.details.model import ComparedLayer, Layer, Side

_MOST_ALIGNED = 1_000
_SHELL = "/bin/sh -c "
_NOP = re.compile(r"^/bin/sh -c #\(nop\)\s*")
_BUILDKIT = re.compile(r"\s*# buildkit$")


def layers_of(manifest: Manifest, config: ImageConfig | None) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    """The layers of an image with their lines; and the lines behind the last one."""
    found: list[Layer] = []
    steps = iter(config.history if config is not None else ())
    for descriptor in manifest.layers:
        empty, made = _next_layer(steps)
        command, created = (clean(made.command), made.created) if made is not None else ("", "")
        found.append(Layer(descriptor.digest, descriptor.media_type, descriptor.size, command, created, empty))
    return tuple(found), tuple(clean(step.command) for step in steps if step.empty)


def _next_layer(steps: object) -> tuple[tuple[str, ...], Step | None]:
    empty: list[str] = []
    for step in steps:  # type: ignore[attr-defined]
        if not step.empty:
            return tuple(empty), step
        empty.append(clean(step.command))
    return tuple(empty), None


def clean(command: str) -> str:
    """A line of the history as its maker may have written it in a Dockerfile."""
    text = _BUILDKIT.sub("", command)
    bare = _NOP.sub("", text)
    if bare != text:
        return bare.strip()
    if text.startswith(_SHELL):
        return "RUN " + text.removeprefix(_SHELL).strip()
    return text.replace("RUN " + _SHELL, "RUN ", 1).strip() if text.startswith("RUN ") else text.strip()


def align(a: Sequence[Layer], b: Sequence[Layer]) -> tuple[ComparedLayer, ...]:
    """Both lists as one in their order: what is common, what only one of them has. Very long lists only keep what they
    begin with in common."""
    ones, others = [layer.digest for layer in a], [layer.digest for layer in b]
    common = 0
    while common < min(len(ones), len(others)) and ones[common] == others[common]:
        common += 1
    found = [ComparedLayer(Side.BOTH, layer) for layer in a[:common]]
    rest, other_rest = a[common:], b[common:]
    if max(len(rest), len(other_rest)) > _MOST_ALIGNED:
        found += [ComparedLayer(Side.A, layer) for layer in rest]
        return (*found, *(ComparedLayer(Side.B, layer) for layer in other_rest))
    matcher = SequenceMatcher(None, ones[common:], others[common:], autojunk=False)
    for tag, low, high, other_low, other_high in matcher.get_opcodes():
        if tag == "equal":
            found += [ComparedLayer(Side.BOTH, layer) for layer in rest[low:high]]
            continue
        found += [ComparedLayer(Side.A, layer) for layer in rest[low:high]]
        found += [ComparedLayer(Side.B, layer) for layer in other_rest[other_low:other_high]]
    return tuple(found)
