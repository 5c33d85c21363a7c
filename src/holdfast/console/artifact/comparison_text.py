"""A comparison as Markdown, for an issue or a review: texts of others stay texts in it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from holdfast.console.artifact.config import is_secret
from holdfast.registry.details.model import Comparison, Side
from holdfast.web.formats import plain, short_digest, size

_MOST = 60
_NONE = "\N{EN DASH}"
_HIDDEN = "not copied: it may be a secret"
_LONGEST = 200
_TICKS = re.compile(r"`+")


def markdown(host: str, found: Comparison, asked: Sequence[str]) -> str:
    """What a page says of two artifacts, as text."""
    delta = found.b.size - found.a.size
    sign = "+" if delta > 0 else ""
    lines = [
        f"### {_code(asked[0])} → {_code(asked[1])}",
        "",
        "| | A | B |",
        "|---|---|---|",
        f"| Image | {_code(f'{host}/{found.a.repository}@{found.a.image}')} "
        f"| {_code(f'{host}/{found.b.repository}@{found.b.image}')} |",
        f"| Platform | {_code(found.a.platform or 'unknown')} | {_code(found.b.platform or 'unknown')} |",
        f"| Size | {size(found.a.size)} | {size(found.b.size)} ({sign}{size(delta)}) |",
        "",
    ]
    lines += _layers(found)
    lines += _differences(found)
    return "\n".join(lines).rstrip() + "\n"


def _layers(found: Comparison) -> list[str]:
    moved = [each for each in found.layers if each.side is not Side.BOTH]
    common = len(found.layers) - len(moved)
    lines = [f"**Layers**: {common} in both, {len(moved)} not", ""]
    if not moved:
        return lines
    lines += ["| In | Layer | Size | Step |", "|---|---|---|---|"]
    for each in moved[:_MOST]:
        layer = each.layer
        side = "A" if each.side is Side.A else "B"
        lines.append(f"| {side} | {_code(short_digest(layer.digest))} | {size(layer.size)} | {_code(layer.command)} |")
    return [*lines, *_more(len(moved)), ""]


def _differences(found: Comparison) -> list[str]:
    if not found.differences:
        return ["**Configuration**: the same", ""]
    lines = ["**Configuration**", "", "| Field | A | B |", "|---|---|---|"]
    for each in found.differences[:_MOST]:
        a, b = (_value(each.field, text) for text in (each.a, each.b))
        lines.append(f"| {_code(each.field)} | {a} | {b} |")
    return [*lines, *_more(len(found.differences)), ""]


def _value(field: str, text: str | None) -> str:
    """One side of a difference; what may be a secret does not travel with the text."""
    if text is None:
        return _NONE
    return f"*{_HIDDEN}*" if field.startswith("env ") and is_secret(field.removeprefix("env ")) else _code(text)


def _more(number: int) -> list[str]:
    return [f"| … {number - _MOST} more | | |"] if number > _MOST else []


def _code(text: str) -> str:
    """Text as code inside a cell: no line ends, no bars, no ticks that would end it."""
    short = plain(" ".join(text.split()))
    short = short if len(short) <= _LONGEST else short[: _LONGEST - 1] + "…"
    short = short.replace("|", "\\|")
    longest = max((len(ticks) for ticks in _TICKS.findall(short)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if short.startswith("`") or short.endswith("`") or not short else ""
    return f"{fence}{pad}{short}{pad}{fence}"
