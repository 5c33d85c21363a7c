"""Pages from templates: everything that is put into them is escaped, and a name that is not given is an error."""

from __future__ import annotations

from datetime import UTC, datetime

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from holdfast import __version__
from holdfast.web.assets import Assets


class Templates:
    """The templates of the frame and of the rooms that stand on it."""

    def __init__(self, *rooms: str, assets: Assets) -> None:
        loaders = [PackageLoader(room, "templates") for room in (*rooms, "holdfast.web")]
        self._environment = Environment(
            loader=ChoiceLoader(loaders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(style=assets.style.path, icon=assets.icon.path, version=__version__)
        self._environment.filters.update(moment=moment, plain=plain, sentence=sentence)

    def render(self, template: str, /, **values: object) -> str:
        """The page of `template` with these values."""
        return self._environment.get_template(template).render(**values)


def moment(at: int | None) -> str:
    """A time (microseconds) as people read it, in UTC; a dash for none."""
    if at is None:
        return "\N{EN DASH}"
    return f"{datetime.fromtimestamp(at // 1_000_000, UTC):%Y-%m-%d %H:%M} UTC"


def plain(text: str) -> str:
    """Text of others on one line: what cannot be seen is drawn as a box, so that nothing hides or turns around."""
    return "".join(character if character.isprintable() else "\N{WHITE SQUARE}" for character in text)


def sentence(text: str) -> str:
    """`text` with a capital at its beginning and a full stop at its end."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
