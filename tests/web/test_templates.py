"""What no template may hold: code, style, addresses of elsewhere, markup that was not escaped."""

from __future__ import annotations

import re
from pathlib import Path

import holdfast

PACKAGE = Path(holdfast.__file__).parent
TEMPLATES = sorted(PACKAGE.glob("*/templates/*.html"))
FRAME = PACKAGE / "web" / "templates" / "frame.html"
FORBIDDEN = {
    "a style of its own": r"\sstyle\s*=",
    "code in an attribute": r"""\son[a-z]+\s*=\s*["']""",
    "code of htmx": r"\shx-(on|vals|vars|headers)\b|hx-trigger\s*=\s*[\"'][^\"']*\[",
    "markup that is not escaped": r"\|\s*safe\b|\bautoescape\b|Markup\(",
    "a frame or a plug-in": r"<(iframe|object|embed|base)\b",
    "an address of elsewhere": r"""(src|href|action)\s*=\s*["'](https?:)?//""",
    "code as an address": r"javascript:",
}


def without_words(text: str) -> str:
    """A template without its comments."""
    return re.sub(r"{#.*?#}", "", text, flags=re.DOTALL)


def test_templates_hold_nothing_that_runs_or_hides() -> None:
    assert len(TEMPLATES) > 20
    found = [
        f"{path.parent.parent.name}/{path.name}: {what}"
        for path in TEMPLATES
        for what, pattern in FORBIDDEN.items()
        if re.search(pattern, without_words(path.read_text()))
    ]
    assert found == []


def test_scripts_are_loaded_by_the_frame_alone() -> None:
    assert [path for path in TEMPLATES if "<script" in path.read_text()] == [FRAME]
    loaded = re.findall(r"<script([^>]*)>(.*?)</script>", FRAME.read_text())
    assert loaded
    assert all("src=" in attributes and "defer" in attributes and not body for attributes, body in loaded)


def test_no_two_rooms_have_a_template_of_one_name() -> None:
    """They are looked up by name, in all rooms."""
    names = [path.name for path in TEMPLATES]
    assert len(set(names)) == len(names)


def test_every_form_that_changes_something_is_marked() -> None:
    """Forms by hand hold the mark; all others come from `ui.post`."""
    for path in TEMPLATES:
        for attributes, body in re.findall(r"<form\b([^>]*)>(.*?)</form>", path.read_text(), re.DOTALL):
            if re.search(r"""method\s*=\s*["']post""", attributes):
                assert 'name="form"' in body, path.name
