"""`/me` and `/me/shortcuts`: who one is here, how pages look, and what single keys do."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from holdfast.access.errors import Invalid
from holdfast.access.signin.profile import Profile, Profiles, check_profile
from holdfast.access.signin.service import local_path
from holdfast.console.me.parts import tabs
from holdfast.web.caller import Caller
from holdfast.web.frame import THEME, THEME_SECONDS, Frame, redirect
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_THEMES = {"auto": "As the system", "light": "Light", "dark": "Dark"}
_DENSITIES = {"comfortable": "Comfortable", "compact": "Compact: more rows on a screen"}
_GRANTS = 100
SHORTCUTS = (
    ("Everywhere", (("/", "Search"), ("Ctrl K", "Go anywhere: the command palette"), ("?", "Show these keys"))),
    ("Go", (("g h", "Home"), ("g r", "Repositories"), ("g s", "Storage"), ("g j", "Jobs"))),
    (
        "Lists",
        (
            ("f", "Filter the list"),
            ("j", "Next row"),
            ("k", "Row before"),
            ("x", "Pick the row"),
            ("c", "Copy what the row is called"),
            ("t", "Times as dates, or how long ago"),
        ),
    ),
)
"""What keys do: the script does it, these pages tell it."""


class AccountPages:
    """Who one is, and one's profile."""

    def __init__(self, frame: Frame, profiles: Profiles) -> None:
        self._frame = frame
        self._profiles = profiles

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/me", self.show),
            Route("POST", "/me/profile", self.change),
            Route("GET", "/me/shortcuts", self.shortcuts),
            Route("POST", "/theme", self.theme),
        ]

    async def show(self, visit: Visit) -> Answer:
        """Who one is, by which grants one may do what, and the profile."""
        caller = self._frame.signed_in(visit)
        return self._show(visit, caller, await self._profiles.of(caller.who.subject.id))

    async def change(self, visit: Visit) -> Answer:
        """Keep the profile."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        theme, density = fields.get("theme", ""), fields.get("density", "")
        chosen = Profile(theme, density, fields.get("zone", "").strip(), "keys" in fields)
        try:
            await self._profiles.set(caller.who, chosen)
        except Invalid as error:
            return self._show(visit, caller, chosen, status=400, wrong={error.field: str(error)})
        done = self._frame.done(visit, "/me", "Your profile is kept")
        cookie = self._frame.cookies.write(THEME, chosen.theme, THEME_SECONDS)
        return done._replace(headers=(*done.headers, ("set-cookie", cookie)))

    async def theme(self, visit: Visit) -> Answer:
        """Keep the theme: with the account, and in this browser for whoever is not signed in. Then back to the page."""
        fields = await self._frame.own_form(visit)
        chosen = Profile(theme=fields.get("theme", ""))
        if visit.session is None:
            check_profile(chosen)
        else:
            await self._profiles.set_theme(self._frame.caller(visit).who, chosen.theme)
        cookie = self._frame.cookies.write(THEME, chosen.theme, THEME_SECONDS)
        return redirect(local_path(fields.get("next", "")), cookie)

    async def shortcuts(self, visit: Visit) -> Answer:
        """What keys do."""
        caller = self._frame.signed_in(visit)
        profile = await self._profiles.of(caller.who.subject.id)
        return self._frame.page(
            visit, "me-shortcuts.html", tabs=tabs("shortcuts"), shortcuts=SHORTCUTS, keys=profile.keys
        )

    def _show(
        self, visit: Visit, caller: Caller, profile: Profile, *, status: int = 200, wrong: dict[str, str] | None = None
    ) -> Answer:
        return self._frame.page(
            visit,
            "me.html",
            status=status,
            tabs=tabs("account"),
            grants=caller.who.rights.grants[:_GRANTS],
            more=max(0, len(caller.who.rights.grants) - _GRANTS),
            profile=profile,
            wrong=wrong or {},
            themes=_THEMES,
            densities=_DENSITIES,
            zones=_zones(),
        )


@cache
def _zones() -> list[str]:
    """The zones that the field proposes: those that are called after a place."""
    return sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
