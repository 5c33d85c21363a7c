"""`/me/second-factor`: setting it up, giving it up, and fresh recovery codes. Secrets are shown once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from holdfast.access.errors import Conflict, Invalid, Throttled, WrongCode
from holdfast.access.signin.second_factor import SecondFactors
from holdfast.console.me.parts import NOT_KEPT
from holdfast.console.me.qr import qr_code
from holdfast.web.caller import Caller
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_WRONG = "This code does not count. Each holds for half a minute, and once: give the next one."


class FactorPages:
    """The second factor of who is signed in."""

    def __init__(self, frame: Frame, factors: SecondFactors) -> None:
        self._frame = frame
        self._factors = factors

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/me/second-factor", self.show, enrolling=True),
            Route("POST", "/me/second-factor", self.begin, enrolling=True),
            Route("POST", "/me/second-factor/confirm", self.confirm, enrolling=True),
            Route("GET", "/me/second-factor/disable", self.before_disabling),
            Route("POST", "/me/second-factor/disable", self.disable),
            Route("GET", "/me/recovery-codes", self.before_renewing),
            Route("POST", "/me/recovery-codes", self.renew),
        ]

    async def show(self, visit: Visit) -> Answer:
        """What a second factor is, and the form that begins it."""
        caller = self._frame.signed_in(visit)
        factor = await self._factors.of(caller.who.subject.id)
        return self._page(visit, "me-factor.html", "Second factor", factor=factor)

    async def begin(self, visit: Visit) -> Answer:
        """A secret for the app, shown this once, and the form for its first code."""
        await self._frame.changes(visit)
        setup = await self._factors.begin(self._frame.signed_in(visit).who)
        return self._page(
            visit,
            "me-factor-confirm.html",
            "Set up",
            headers=NOT_KEPT,
            setup=setup,
            picture=qr_code(setup.uri),
            said="",
        )

    async def confirm(self, visit: Visit) -> Answer:
        """The first code; then the recovery codes, shown this once."""
        fields = await self._frame.changes(visit)
        caller, session = self._frame.signed_in(visit), visit.signed_in
        try:
            codes = await self._factors.confirm(caller.who, fields.get("code", ""), session.key, origin=visit.origin)
        except WrongCode:
            return self._again(visit, 400, _WRONG)
        except Throttled as error:
            return self._again(visit, 429, _slowed(error))
        return self._codes(visit, codes, fresh=True)

    async def before_disabling(self, visit: Visit) -> Answer:
        """What goes, and the form."""
        return self._disabling(visit, self._frame.signed_in(visit))

    async def disable(self, visit: Visit) -> Answer:
        """Ask for no codes any more."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)

        async def disable() -> Answer:
            await self._factors.disable(caller.who, fields.get("code", ""), origin=visit.origin)
            if self._frame.sessions.requires_factor(caller.who):
                return self._frame.done(visit, "/me/second-factor", "The second factor is disabled: set up another one")
            return self._frame.done(visit, "/me/sign-in", "The second factor is disabled: your password suffices")

        return await self._tried(visit, disable, partial(self._disabling, visit, caller))

    async def before_renewing(self, visit: Visit) -> Answer:
        """What becomes void, and the form."""
        self._frame.signed_in(visit)
        return self._renewing(visit)

    async def renew(self, visit: Visit) -> Answer:
        """Fresh recovery codes, shown this once."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)

        async def renew() -> Answer:
            codes = await self._factors.renew_codes(caller.who, fields.get("code", ""), origin=visit.origin)
            return self._codes(visit, codes, fresh=False)

        return await self._tried(visit, renew, partial(self._renewing, visit))

    def _disabling(self, visit: Visit, caller: Caller, status: int = 200, said: str = "") -> Answer:
        required = self._frame.sessions.requires_factor(caller.who)
        return self._page(visit, "me-factor-disable.html", "Disable", status=status, said=said, required=required)

    def _renewing(self, visit: Visit, status: int = 200, said: str = "") -> Answer:
        return self._page(visit, "me-factor-renew.html", "New recovery codes", status=status, said=said)

    async def _tried(
        self, visit: Visit, work: Callable[[], Awaitable[Answer]], form: Callable[[int, str], Answer]
    ) -> Answer:
        """What `work` answers, or the `form` once more, with a status and what was wrong."""
        try:
            return await work()
        except WrongCode:
            return form(400, visit.told(Invalid("code", _WRONG)))
        except Throttled as error:
            return form(429, _slowed(error))
        except Conflict:
            return self._frame.done(visit, "/me/sign-in", "There is no second factor")

    def _again(self, visit: Visit, status: int, said: str) -> Answer:
        """The form for the first code once more; the secret is in the app by now and is not shown again."""
        return self._page(visit, "me-factor-confirm.html", "Set up", status=status, setup=None, picture="", said=said)

    def _codes(self, visit: Visit, codes: list[str], *, fresh: bool) -> Answer:
        text = "\n".join(codes)
        return self._page(
            visit, "me-factor-codes.html", "Recovery codes", headers=NOT_KEPT, codes=codes, text=text, fresh=fresh
        )

    def _page(
        self,
        visit: Visit,
        template: str,
        title: str,
        *,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = (),
        **values: object,
    ) -> Answer:
        crumbs = [] if visit.confined else [Crumb("Your account", "/me"), Crumb("Sign-in", "/me/sign-in"), Crumb(title)]
        given: dict[str, object] = {"crumbs": crumbs, **values}
        return self._frame.page(visit, template, status=status, headers=headers, fragment="", **given)


def _slowed(error: Throttled) -> str:
    return f"too many wrong codes: try again in {error.seconds} s"
