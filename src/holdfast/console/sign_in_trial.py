"""`/admin/sign-in/NAME/try`: an administrator tries a provider, and sees what came and what it would lead to. Nobody is
signed in by it; what is shown is kept nowhere."""

from __future__ import annotations

from urllib.parse import quote

from holdfast.access.errors import ProviderAway
from holdfast.access.signin.errors import SignInFailed
from holdfast.access.signin.flow import PENDING_SECONDS, cookie_of
from holdfast.access.signin.trial import Trials
from holdfast.console.access.sayings import conditions_said
from holdfast.console.admin_tabs import require_administrator
from holdfast.web.formats import urlpath
from holdfast.web.frame import Crumb, Frame, redirect
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_PENDING = "trial-"


class TrialPages:
    """The pages of trials."""

    def __init__(self, frame: Frame, trials: Trials) -> None:
        self._frame = frame
        self._trials = trials

    def routes(self) -> list[Route]:
        """Every route of these pages; back from the provider one comes by that of the sign-in."""
        return [Route("GET", "/admin/sign-in/{name}/try", self.begin)]

    async def begin(self, visit: Visit) -> Answer:
        """On to the provider."""
        caller = require_administrator(self._frame, visit)
        name = visit.named["name"]
        place = self._frame.place
        if not place.fixed and visit.headers.get("host") != place.host:
            # The provider sends browsers back to one host, and the session must be there by then.
            return redirect(f"{place.origin}/admin/sign-in/{quote(name)}/try")
        begun = await self._trials.begin(caller.who, name, origin=caller.origin)
        return redirect(begun.url, self._frame.cookies.write(_PENDING + begun.cookie, begun.value, PENDING_SECONDS))

    async def finish(self, visit: Visit) -> Answer | None:
        """What came of a trial; None: the call-back is of none."""
        pending = _PENDING + cookie_of(visit.query.get("state", ""))
        cookie = self._frame.cookies.read(visit.headers.get("cookie", ""), pending)
        if not cookie:
            return None
        caller = require_administrator(self._frame, visit)
        name = visit.named["provider"]
        trial, said = None, ""
        try:
            trial = await self._trials.finish(caller.who, name, visit.query, cookie, origin=caller.origin)
        except (SignInFailed, ProviderAway) as error:
            said = str(error)
        at = f"/admin/sign-in/{urlpath(name)}"
        return self._frame.page(
            visit,
            "sign-in-trial.html",
            status=403 if trial is None else 200,
            headers=[("set-cookie", self._frame.cookies.write(pending, "", 0))],
            crumbs=[
                Crumb("Administration", "/admin"),
                Crumb("Sign-in", "/admin/sign-in"),
                Crumb(name, at),
                Crumb("Trial"),
            ],
            name=name,
            trial=trial,
            said=said,
            conditions=conditions_said,
            at=at,
        )
