"""`/sign-in` with its second step, `/sign-in/PROVIDER`, its call-back, and `/sign-out`.

Promises: whatever was wrong with a sign-in, the page says one sentence; the reason is in the log. Where one goes on
afterwards is a path of ours. Nobody can sign a visitor in to an account of somebody else's choice: the form and the
call-back belong to the browser that asked for them. A right password alone opens nothing where there is a second
factor: what the browser gets for it is good for the second step only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote

from holdfast.access.errors import Busy, Conflict, Invalid, StalePermit, Throttled, Unauthenticated, Unknown, WrongCode
from holdfast.access.model import Recognised
from holdfast.access.signin.errors import SignInFailed
from holdfast.access.signin.flow import PENDING_SECONDS, cookie_of
from holdfast.access.signin.half import HALF_SECONDS, Half
from holdfast.access.signin.second_factor import SecondFactors
from holdfast.access.signin.service import SignIn, local_path
from holdfast.access.throttle import Told
from holdfast.journal.model import Origin
from holdfast.web.caller import Caller
from holdfast.web.forms import Fields
from holdfast.web.frame import BROWSER, SESSION, THEME, THEME_SECONDS, Frame, redirect
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_HALF = "half"
_PENDING = "sign-in-"
_CODE = "/sign-in/-/code"
_FAILED = "That did not work. Is the name right, and the password? The account may also be closed to you."
_REFUSED = "The sign-in did not work. Begin it again."
_WRONG = "That did not work. A code holds for half a minute and counts once: give the next one."
_OVER = "The sign-in took too long, or the account changed meanwhile. Begin it again."
_FIELD_LIMIT = 1024
RecognisePassword = Callable[[str, str, Origin], Awaitable[Recognised]]
"""A name and a password. Raises `Unauthenticated`, `Throttled`, `Busy`."""
Landing = Callable[[Caller], Awaitable[str]]
"""The path of a page for who just signed in."""
Tried = Callable[[Visit], Awaitable[Answer | None]]
"""The page of a call-back that ends a trial of a provider; None: it is a sign-in."""


class SignInPages:
    """The pages of who is not signed in yet. `password`: how names and passwords are recognised; `told`: hears of
    sign-ins with a provider; `landing`: where somebody goes on who wanted nowhere; `trial`: ends trials."""

    def __init__(
        self,
        frame: Frame,
        sign_in: SignIn,
        factors: SecondFactors,
        password: RecognisePassword,
        *,
        told: Told,
        landing: Landing,
        trial: Tried,
    ) -> None:
        self._frame = frame
        self._sign_in = sign_in
        self._factors = factors
        self._password = password
        self._told = told
        self._landing = landing
        self._trial = trial

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/sign-in", self.form),
            Route("POST", "/sign-in", self.with_password),
            Route("GET", _CODE, self.code),
            Route("POST", _CODE, self.with_code),
            Route("GET", "/sign-in/{provider}", self.begin),
            Route("GET", "/sign-in/{provider}/callback", self.finish),
            Route("POST", "/sign-out", self.sign_out, enrolling=True),
        ]

    async def form(self, visit: Visit) -> Answer:
        """The sign-in form; on to where one wanted to go for who is signed in."""
        next_path = _next(visit.query.get("next", ""))
        if visit.session is not None:
            return redirect(next_path)
        return await self._form(visit, next_path)

    async def with_password(self, visit: Visit) -> Answer:
        """Sign in with a name and a password, or take the first step of two."""
        fields = await self._fields(visit)
        next_path = _next(fields.get("next", ""))
        name, password = fields.get("name", "").strip(), fields.get("password", "")
        if not 0 < len(name) <= _FIELD_LIMIT or not 0 < len(password) <= _FIELD_LIMIT or "\0" in name + password:
            return await self._form(visit, next_path, 403, _FAILED)
        try:
            entered = await self._frame.sessions.begin_with_password(
                lambda: self._password(name, password, visit.origin), visit.origin
            )
        except Unauthenticated:
            return await self._form(visit, next_path, 403, _FAILED, name=name)
        except Throttled as error:
            said = f"Too many failed sign-ins. Try again in {error.seconds} s."
            return await self._form(visit, next_path, 429, said, name=name, retry=error.seconds)
        except Busy:
            return await self._form(visit, next_path, 429, "Too many sign-ins at once. Try again.", name=name, retry=5)
        if entered.half:
            cookie = self._frame.cookies.write(_HALF, entered.cookie, HALF_SECONDS)
            return redirect(f"{_CODE}?next={quote(next_path)}", cookie)
        return await self._enter(visit, next_path, entered.cookie)

    async def code(self, visit: Visit) -> Answer:
        """The form of the second step."""
        next_path = _next(visit.query.get("next", ""))
        half = self._half(visit)
        if half is None:
            return redirect(f"/sign-in?next={quote(next_path)}")
        return self._code_form(visit, next_path, half)

    async def with_code(self, visit: Visit) -> Answer:
        """Take the second step."""
        fields = await self._fields(visit)
        next_path = _next(fields.get("next", ""))
        half = self._half(visit)
        if half is None:
            return await self._form(visit, next_path, 403, _OVER)
        try:
            cookie = await self._frame.sessions.begin_with_code(
                half, fields.get("code", ""), self._factors, visit.origin
            )
        except WrongCode:
            return self._code_form(visit, next_path, half, 403, visit.told(Invalid("code", _WRONG)))
        except Throttled as error:
            said = f"Too many wrong codes. Try again in {error.seconds} s, or give a recovery code."
            return self._code_form(visit, next_path, half, 429, said, retry=error.seconds)
        except (Unauthenticated, Conflict, StalePermit):
            return await self._form(visit, next_path, 403, _OVER, cookies=(self._gone(_HALF),))
        return await self._enter(visit, next_path, cookie, self._gone(_HALF))

    async def begin(self, visit: Visit) -> Answer:
        """On to the provider."""
        place = self._frame.place
        next_path = _next(visit.query.get("next", ""))
        name = visit.named["provider"]
        if not place.fixed and visit.headers.get("host") != place.host:
            # The provider sends browsers back to one host, and the cookie must be there by then.
            return redirect(f"{place.origin}/sign-in/{quote(name)}?next={quote(next_path)}")
        try:
            begun = await self._sign_in.begin(name, next_path)
        except Unknown:
            return await self._form(visit, next_path, 404, "This registry has no such way to sign in.")
        cookie = self._frame.cookies.write(_PENDING + begun.cookie, begun.value, PENDING_SECONDS)
        return redirect(begun.url, cookie)

    async def finish(self, visit: Visit) -> Answer:
        """Back from the provider."""
        tried = await self._trial(visit)
        if tried is not None:
            return tried
        query = visit.query
        name = visit.named["provider"]
        pending = _PENDING + cookie_of(query.get("state", ""))
        try:
            done = await self._sign_in.finish(name, query, self._cookie(visit, pending), visit.origin)
        except SignInFailed as error:
            self._frame.events.warning("sign-in refused", request=visit.id, provider=name[:64], why=str(error))
            self._told("unknown", visit.origin, False, "sign-in with a provider")
            return await self._form(visit, "/", 403, error.shown or _REFUSED, cookies=(self._gone(pending),))
        self._told(f"user:{done.name}", visit.origin._replace(credential="session"), True, "sign-in with a provider")
        return await self._enter(visit, done.next, done.cookie, self._gone(pending))

    async def sign_out(self, visit: Visit) -> Answer:
        """End the session."""
        await self._frame.changes(visit)
        session = visit.signed_in
        identity = await self._frame.sessions.identity(session)
        await self._frame.sessions.end(identity, session.key, origin=visit.origin)
        return redirect("/sign-in", self._gone(SESSION))

    async def _enter(self, visit: Visit, next_path: str, cookie: str, *cookies: str) -> Answer:
        """On to where somebody wanted to go, with a session of its own; the one that the browser had ends."""
        await self._frame.sessions.leave(self._cookie(visit, SESSION), visit.origin)
        session = await self._frame.sessions.find(cookie)
        theme = "auto"
        if session is not None:
            theme = (await self._frame.looks(session.account_id)).theme
            if next_path == "/":
                who = await self._frame.sessions.identity(session)
                next_path = await self._landing(Caller(who, session, visit.origin, self._frame.access))
        seen = self._frame.cookies.write(THEME, theme, THEME_SECONDS)
        return redirect(next_path, self._frame.cookies.write(SESSION, cookie), seen, *cookies)

    async def _fields(self, visit: Visit) -> Fields:
        """The fields of a form of who is not signed in. Raises `ForeignForm`."""
        fields = await visit.form()
        self._frame.forms.check(visit.headers, fields, self._cookie(visit, BROWSER))
        return fields

    def _half(self, visit: Visit) -> Half | None:
        return self._frame.sessions.half(self._cookie(visit, _HALF))

    def _cookie(self, visit: Visit, name: str) -> str:
        return self._frame.cookies.read(visit.headers.get("cookie", ""), name)

    def _gone(self, name: str) -> str:
        return self._frame.cookies.write(name, "", 0)

    def _code_form(
        self, visit: Visit, next_path: str, half: Half, status: int = 200, said: str = "", *, retry: int = 0
    ) -> Answer:
        return self._page(visit, "sign-in-code.html", status, retry=retry, next=next_path, said=said, name=half.name)

    async def _form(
        self,
        visit: Visit,
        next_path: str,
        status: int = 200,
        said: str = "",
        *,
        name: str = "",
        retry: int = 0,
        cookies: tuple[str, ...] = (),
    ) -> Answer:
        offered = await self._sign_in.offered()
        return self._page(
            visit,
            "sign-in.html",
            status,
            retry=retry,
            cookies=cookies,
            providers=offered,
            next=next_path,
            said=said,
            name=name,
        )

    def _page(
        self,
        visit: Visit,
        template: str,
        status: int,
        *,
        retry: int = 0,
        cookies: Sequence[str] = (),
        **values: Any,
    ) -> Answer:
        """A page of somebody who is not signed in; its form belongs to this browser."""
        visit.session = None
        visit.caller = None
        headers = [("set-cookie", cookie) for cookie in cookies]
        if retry:
            headers.append(("retry-after", str(retry)))
        return self._frame.page(visit, template, status=status, headers=headers, **values)


def _next(text: str) -> str:
    """Where to go on: a path of ours, the first page when none was asked for."""
    return local_path(text) if text else "/"
