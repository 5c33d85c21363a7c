"""Pages from templates: everything that is put into them is escaped, and a name that is not given is an error."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from holdfast import __version__
from holdfast.web import formats
from holdfast.web.assets import Assets

_ONCE_BYTES = 12


class Templates:
    """The templates of the frame and of the rooms that stand on it."""

    def __init__(self, *rooms: str, assets: Assets) -> None:
        self._loaders = [PackageLoader(room, "templates") for room in (*rooms, "holdfast.web")]
        self._environment = Environment(
            loader=ChoiceLoader(self._loaders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(assets=assets, version=__version__, once=_once)
        self._environment.filters.update(
            moment=formats.moment,
            plain=formats.plain,
            lines=formats.lines,
            sentence=formats.sentence,
            size=formats.size,
            size_mark=formats.size_mark,
            count_text=formats.count,
            short_digest=formats.short_digest,
            urlpath=formats.urlpath,
            since=formats.since,
            when=formats.when,
            stated=formats.stated,
            iso=formats.iso,
        )

    def add(self, room: str) -> None:
        """Know the templates of one more room, after those that are known."""
        self._loaders.append(PackageLoader(room, "templates"))

    def render(self, template: str, /, **values: object) -> str:
        """The page of `template` with these values."""
        return self._environment.get_template(template).render(**self._with_parts(values))

    def fragment(self, template: str, block: str, values: Mapping[str, object]) -> str:
        """One block of a template alone. Raises KeyError when it has none of the name."""
        found = self._environment.get_template(template)
        return "".join(found.blocks[block](found.new_context(self._with_parts(values))))

    def _with_parts(self, values: Mapping[str, object]) -> dict[str, object]:
        """The values, and `ui`: the parts that every page is made of, which see the values too."""
        return {**values, "ui": self._environment.get_template("ui.html").make_module(dict(values))}


def _once() -> str:
    """What tells one form that was shown from every other one."""
    return secrets.token_urlsafe(_ONCE_BYTES)
