"""`/sign-in`, `/sign-in/PROVIDER`, its call-back, and `/sign-out`.

Promises: whatever was wrong with a sign-in, the page says one sentence; the reason is in the log. Where one goes on
afterwards is a path of ours. Nobody can sign a visitor in to an account of somebody else's choice: the form and the
call-back belong to the browser that asked for them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from holdfast.access.errors import Busy, Throttled, Unauthenticated
from holdfast.access.model import Recognised
from holdfast.access.signin.errors import SignInFailed
from holdfast.access.signin.service import PENDING_SECONDS, SignIn, cookie_of, local_path
from holdfast.access.throttle import Told
from holdfast.journal.model import Origin
from holdfast.telemetry.events import Events
from holdfast.web.site import SESSION, Frame, Route, redirect
from holdfast.web.visit import Answer, Visit

BROWSER = "browser"
"""The cookie that the sign-in form is bound to, before there is a session."""
_PENDING = "sign-in-"
_FAILED = "That did not work. Is the name right, and the password? The account may also be closed to you."
_REFUSED = "The sign-in did not work. Begin it again."
_FIELD_LIMIT = 1024
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}\Z")
RecognisePassword = Callable[[str, str, Origin], Awaitable[Recognised]]
"""A name and a password. Raises `Unauthenticated`, `Throttled`, `Busy`."""


class SignInPages:
    """The pages of who is not signed in yet. `password`: how names and passwords are recognised; `told`: hears of
    sign-ins with a provider."""

    def __init__(self, frame: Frame, sign_in: SignIn, password: RecognisePassword, told: Told, events: Events) -> None:
        self._frame = frame
        self._sign_in = sign_in
        self._password = password
        self._told = told
        self._events = events

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/sign-in", self.form),
            Route("POST", "/sign-in", self.with_password),
            Route("GET", "/sign-in/{provider}", self.begin),
            Route("GET", "/sign-in/{provider}/callback", self.finish),
            Route("POST", "/sign-out", self.sign_out),
        ]

    async def form(self, visit: Visit) -> Answer:
        """The sign-in form; on to where one wanted to go for who is signed in."""
        next_path = local_path(visit.query.get("next", ""))
        if visit.session is not None:
            return redirect(next_path)
        return await self._form(visit, next_path)

    async def with_password(self, visit: Visit) -> Answer:
        """Sign in with a name and a password."""
        fields = await visit.form()
        browser = self._cookie(visit, BROWSER)
        self._frame.forms.check(visit.headers, fields, browser)
        next_path = local_path(fields.get("next", ""))
        name, password = fields.get("name", "").strip(), fields.get("password", "")
        if not 0 < len(name) <= _FIELD_LIMIT or not 0 < len(password) <= _FIELD_LIMIT or "\0" in name + password:
            return await self._form(visit, next_path, 403, _FAILED)
        try:
            cookie = await self._frame.sessions.begin_with_password(
                lambda: self._password(name, password, visit.origin), visit.origin
            )
        except Unauthenticated:
            return await self._form(visit, next_path, 403, _FAILED, name=name)
        except Throttled as error:
            said = f"Too many failed sign-ins. Try again in {error.seconds} s."
            return await self._form(visit, next_path, 429, said, name=name, retry=error.seconds)
        except Busy:
            return await self._form(visit, next_path, 429, "Too many sign-ins at once. Try again.", name=name, retry=5)
        return redirect(next_path, self._frame.cookies.write(SESSION, cookie))

    async def begin(self, visit: Visit) -> Answer:
        """On to the provider."""
        place = self._frame.place
        next_path = local_path(visit.query.get("next", ""))
        name = visit.named["provider"]
        if not place.fixed and visit.headers.get("host") != place.host:
            # The provider sends browsers back to one host, and the cookie must be there by then.
            return redirect(f"{place.origin}/sign-in/{quote(name)}?next={quote(next_path)}")
        begun = await self._sign_in.begin(name, next_path)
        cookie = self._frame.cookies.write(_PENDING + begun.cookie, begun.value, PENDING_SECONDS)
        return redirect(begun.url, cookie)

    async def finish(self, visit: Visit) -> Answer:
        """Back from the provider."""
        query = visit.query
        name = visit.named["provider"]
        pending = _PENDING + cookie_of(query.get("state", ""))
        gone = self._frame.cookies.write(pending, "", 0)
        try:
            done = await self._sign_in.finish(name, query, self._cookie(visit, pending), visit.origin)
        except SignInFailed as error:
            self._events.warning("sign-in refused", request=visit.id, provider=name[:64], why=str(error))
            self._told("unknown", visit.origin, False, "sign-in with a provider")
            return await self._form(visit, "/me", 403, error.shown or _REFUSED, cookies=(gone,))
        self._told(f"user:{done.name}", visit.origin._replace(credential="session"), True, "sign-in with a provider")
        return redirect(done.next, self._frame.cookies.write(SESSION, done.cookie), gone)

    async def sign_out(self, visit: Visit) -> Answer:
        """End the session."""
        await self._frame.changes(visit)
        session = visit.signed_in
        identity = await self._frame.sessions.identity(session)
        await self._frame.sessions.end(identity, session.key, origin=visit.origin)
        return redirect("/sign-in", self._frame.cookies.write(SESSION, "", 0))

    def _cookie(self, visit: Visit, name: str) -> str:
        return self._frame.cookies.read(visit.headers.get("cookie", ""), name)

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
        visit.session = None  # the page is that of somebody who is not signed in
        browser = self._cookie(visit, BROWSER)
        headers = [("set-cookie", cookie) for cookie in cookies]
        if not _TOKEN.match(browser):
            browser = secrets.token_urlsafe(16)
            headers.append(("set-cookie", self._frame.cookies.write(BROWSER, browser)))
        if retry:
            headers.append(("retry-after", str(retry)))
        return self._frame.page(
            visit,
            "sign-in.html",
            status=status,
            headers=headers,
            form=self._frame.forms.mark(browser),
            providers=await self._sign_in.offered(),
            next=next_path,
            said=said,
            name=name,
        )
