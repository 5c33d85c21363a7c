"""`/me/sign-in`: one's password, second factor and the places where one is signed in."""

from __future__ import annotations

from holdfast.access.accounts.users import Users
from holdfast.access.errors import Busy, Conflict, Invalid, Throttled, Unauthenticated
from holdfast.access.signin.second_factor import SecondFactors
from holdfast.access.tokens.sessions import Sessions as Tokens
from holdfast.console.me.parts import tabs
from holdfast.web.caller import Caller
from holdfast.web.frame import SESSION, Crumb, Frame, redirect
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_TOKENS = 100


class SignInsPages:
    """How and where one is signed in."""

    def __init__(self, frame: Frame, users: Users, factors: SecondFactors, tokens: Tokens) -> None:
        self._frame = frame
        self._users = users
        self._factors = factors
        self._tokens = tokens

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/me/sign-in", self.show),
            Route("POST", "/me/password", self.change_password),
            Route("POST", "/me/sessions/{key}/end", self.end_session),
            Route("POST", "/me/tokens/{id}/end", self.end_token),
            Route("GET", "/me/sign-out", self.before_signing_out),
            Route("POST", "/me/sign-out", self.sign_out_everywhere),
        ]

    async def show(self, visit: Visit) -> Answer:
        """Password, second factor, browsers, tokens."""
        return await self._show(visit, self._frame.signed_in(visit))

    async def change_password(self, visit: Visit) -> Answer:
        """Another password. Every browser is signed out by it, this one too: it signs in with the new one."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        old, new = fields.get("old", ""), fields.get("new", "")
        wrong = {"again": "this is another one than above"} if new != fields.get("again", "") else {}
        try:
            if not wrong:
                await self._users.change_own_password(caller.who, old, new, origin=visit.origin)
                done = self._frame.done(visit, "/sign-in", "Your password is changed: sign in with it")
                gone = self._frame.cookies.write(SESSION, "", 0)
                return done._replace(headers=(*done.headers, ("set-cookie", gone)))
        except Invalid as error:
            wrong = {"new": str(error)}
        except Unauthenticated:
            wrong = {"old": "this is not your password"}
        except (Throttled, Busy) as error:
            wrong = {"old": str(error)}
        except Conflict as error:
            wrong = {"new": str(error)}
        return await self._show(visit, caller, status=400, wrong=wrong)

    async def end_session(self, visit: Visit) -> Answer:
        """Sign out another browser, or this one."""
        await self._frame.changes(visit)
        caller, session = self._frame.signed_in(visit), visit.signed_in
        await self._frame.sessions.end(caller.who, visit.named["key"], origin=visit.origin)
        if visit.named["key"] == session.key:
            return redirect("/sign-in", self._frame.cookies.write(SESSION, "", 0))
        return self._frame.done(visit, "/me/sign-in", "The browser is signed out")

    async def end_token(self, visit: Visit) -> Answer:
        """End a log-in of docker or the command line."""
        await self._frame.changes(visit)
        caller, number = self._frame.signed_in(visit), visit.named["id"]
        id_ = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0
        await self._tokens.revoke(caller.who, id_, origin=visit.origin)
        return self._frame.done(visit, "/me/sign-in", "The log-in has ended")

    async def before_signing_out(self, visit: Visit) -> Answer:
        """What ends, and the form."""
        caller = self._frame.signed_in(visit)
        return self._frame.page(
            visit,
            "me-sign-out.html",
            crumbs=[Crumb("Your account", "/me"), Crumb("Sign-in", "/me/sign-in"), Crumb("Sign out everywhere")],
            browsers=len(await self._frame.sessions.of(caller.who)),
            tokens=len(await self._tokens.list(caller.who, limit=_TOKENS)),
        )

    async def sign_out_everywhere(self, visit: Visit) -> Answer:
        """End every session, but this one if one stays, and log-ins of command lines if they go too."""
        fields = await self._frame.changes(visit)
        caller, session = self._frame.signed_in(visit), visit.signed_in
        keep = session.key if "here" not in fields else ""
        browsers, tokens = await self._frame.sessions.end_all(
            caller.who, keep=keep, tokens="tokens" in fields, origin=visit.origin
        )
        said = f"Signed out: {_many(browsers, 'browser')}, {_many(tokens, 'log-in')} of command lines"
        if keep:
            return self._frame.done(visit, "/me/sign-in", said)
        done = self._frame.done(visit, "/sign-in", said)
        return done._replace(headers=(*done.headers, ("set-cookie", self._frame.cookies.write(SESSION, "", 0))))

    async def _show(
        self, visit: Visit, caller: Caller, *, status: int = 200, wrong: dict[str, str] | None = None
    ) -> Answer:
        me = await self._users.get(caller.who, caller.who.subject.name, origin=visit.origin)
        return self._frame.page(
            visit,
            "me-sign-in.html",
            status=status,
            tabs=tabs("sign-in"),
            me=me,
            factor=await self._factors.of(caller.who.subject.id),
            sessions=await self._frame.sessions.of(caller.who),
            tokens=await self._tokens.list(caller.who, limit=_TOKENS),
            wrong=wrong or {},
        )


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
