"""The stylesheet: what it says of colours can be read by people, and it says nothing twice differently."""

from __future__ import annotations

import gzip
import re
from importlib.resources import files

import pytest

ASSETS = files("holdfast.web") / "assets"
CSS = (ASSETS / "holdfast.css").read_text()
TEXT, PART = 4.5, 3.0
"""The least contrast of text and of what is not text (WCAG 2.2, 1.4.3 and 1.4.11)."""
SURFACES = ("page", "surface", "raised", "sunken", "selected")
PAIRS = [
    *((name, surface, TEXT) for name in ("text", "muted") for surface in SURFACES),
    *(("accent", surface, TEXT) for surface in SURFACES),
    ("on-accent", "accent", TEXT),
    *((name, f"{name}-tint", TEXT) for name in ("ok", "warn", "bad", "critical", "low")),
    *((name, "surface", TEXT) for name in ("bad", "ok", "warn")),
    *(("edge", surface, PART) for surface in ("page", "surface", "raised")),
    *((f"chart-{number}", "surface", PART) for number in range(1, 6)),
]


def themes() -> dict[str, dict[str, str]]:
    """The tokens of each block that sets them: light, dark by the system, dark by choice."""
    found = {}
    for name, start in (
        ("light", ":root {"),
        ("system", ':root:not([data-theme="light"]) {'),
        ("dark", ':root[data-theme="dark"] {'),
    ):
        block = CSS[CSS.index(start) :]
        found[name] = dict(re.findall(r"--([a-z0-9-]+): #([0-9a-f]{6});", block[: block.index("}")]))
    return found


THEMES = themes()


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_dark_is_the_same_by_choice_as_by_the_system() -> None:
    assert THEMES["system"] == THEMES["dark"]
    assert set(THEMES["light"]) == set(THEMES["dark"])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("name", "on", "least"), PAIRS, ids=str)
def test_what_is_drawn_can_be_seen(theme: str, name: str, on: str, least: float) -> None:
    tokens = THEMES[theme]
    assert contrast(tokens[name], tokens[on]) >= least


def test_colours_are_named_by_role_alone() -> None:
    rules = re.sub(r"--[a-z0-9-]+: #[0-9a-f]{6};", "", CSS)
    loose = set(re.findall(r"#[0-9a-fA-F]{3,8}\b", rules))
    assert loose <= {"#0003", "#0004", "#0008", "#ffffff", "#0b1a2a"}, "shadows, and text on the colours of charts"


def test_every_role_that_is_used_is_set() -> None:
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", CSS))
    assert used <= {*THEMES["light"], "sans", "mono", "row"}


@pytest.mark.parametrize(("name", "most"), [("holdfast.css", 14_000), ("holdfast.js", 8_000), ("icons.svg", 5_000)])
def test_what_is_loaded_first_is_small(name: str, most: int) -> None:
    assert len(gzip.compress((ASSETS / name).read_bytes(), 9)) <= most
