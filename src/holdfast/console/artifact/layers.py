"""The layers of an image as rows: the step that made each, its size and its share, and who else has it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from holdfast.registry.details.looking import MOST_SHARING, Sharing
from holdfast.registry.details.model import Image, Layer
from holdfast.web.charts.svg import shape

PAGE = 200
"""Layers on one page."""
_ENDS_BASE = re.compile(r"(?:CMD|ENTRYPOINT)\b")
_ARGUMENTS = re.compile(r"RUN \|\d+ (?:.*? )??/bin/(?:ba)?sh (?:\S+ ){0,4}?-c ", re.DOTALL)
_BREAK = re.compile(r"\s+(&&|;|\|\|)\s+")
_SPACES = re.compile(r"[ \t]{2,}")
_FOLDED_LINES, _FOLDED_LETTERS = 3, 120
_DRAWN = 100.0
_THIN = 0.6


class Row(NamedTuple):
    """A layer. `number`: from 1; `command`: its lines, '' where nothing is known; `folds`: it is longer than three
    lines; `bar`: where its bytes lie in the image; `running`: per cent of the image with it; `base`: it is of the base
    image; `again`: the same layer was above; `images`: of this repository that have it, too, None where that is not
    told, `over`: and more; `places`: other repositories that have it."""

    number: int
    digest: str
    media_type: str
    size: int
    command: str
    folds: bool
    created: str
    empty: tuple[str, ...]
    bar: Markup
    running: int
    base: bool
    again: bool
    images: int | None
    over: bool
    places: int


class Table(NamedTuple):
    """The rows of a page, the steps behind the last layer, how many layers there are in all (`number`) and of what
    size (each layer once), how many are of the base image, and where the next page begins."""

    rows: list[Row]
    after: tuple[str, ...]
    number: int
    size: int
    base: int
    next: int | None


def layer_table(image: Image, sharing: Mapping[str, Sharing], first: int) -> Table:
    """The layers from the number `first` (from 0) on."""
    layers = image.layers
    base = base_of(layers)
    total = sum({layer.digest: layer.size for layer in layers}.values())
    rows: list[Row] = []
    seen: set[str] = set()
    before = 0
    for at, layer in enumerate(layers[: first + PAGE]):
        again = layer.digest in seen
        seen.add(layer.digest)
        size = 0 if again else layer.size
        if at >= first:
            rows.append(_row(layer, at, (before, size, total), at < base, again, sharing.get(layer.digest)))
        before += size
    more = first + PAGE < len(layers)
    return Table(rows, image.after, len(layers), total, base, first + PAGE if more else None)


def base_of(layers: Sequence[Layer]) -> int:
    """How many layers come from the base image, as the history tells: an image ends by saying what it runs, so what
    was there before the last such line that layers follow was there to be built on. 0: it does not tell."""
    for at in range(len(layers) - 1, 0, -1):
        if any(_ENDS_BASE.match(line) for line in layers[at].empty):
            return at
    return 0


def command_of(text: str) -> str:
    """A step on its lines: one command a line, and without the arguments of the build before it."""
    bare = _ARGUMENTS.sub("RUN ", text, count=1)
    return _BREAK.sub(r" \1\n    ", _SPACES.sub(" ", bare)).strip() if "\n" not in bare else bare.strip()


def folds(command: str) -> bool:
    """Whether a command is longer than what is shown of it at first."""
    return command.count("\n") >= _FOLDED_LINES or len(command) > _FOLDED_LETTERS


def _row(  # noqa: PLR0917 - what a row is made of
    layer: Layer, at: int, span: tuple[int, int, int], base: bool, again: bool, sharing: Sharing | None
) -> Row:
    before, size, total = span
    command = command_of(layer.command)
    return Row(
        number=at + 1,
        digest=layer.digest,
        media_type=layer.media_type,
        size=layer.size,
        command=command,
        folds=folds(command),
        created=layer.created,
        empty=tuple(command_of(line) for line in layer.empty),
        bar=share(before, size, total),
        running=round(100 * (before + size) / total) if total else 100,
        base=base,
        again=again,
        images=sharing.images if sharing is not None else None,
        over=sharing is not None and sharing.images == MOST_SHARING,
        places=sharing.repositories if sharing is not None else 0,
    )


def share(before: int, size: int, total: int) -> Markup:
    """Where `size` bytes lie among `total`, after so many before them."""
    width = max(_DRAWN * size / total, _THIN) if total and size else 0
    start = min(_DRAWN * before / total, _DRAWN - width) if total else 0
    ground = shape("rect", x=0, y=0, width=_DRAWN, height=6, class_="ground")
    part = shape("rect", x=start, y=0, width=width, height=6, class_="part")
    return shape(
        "svg",
        ground + part,
        class_="layer-share",
        viewBox="0 0 100 6",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
