"""`/start`: what the first administrator does before anybody relies on the registry, each step with its real state."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.accounts.users import Users
from holdfast.access.model import SubjectKind
from holdfast.access.policy.model import Action
from holdfast.access.signin.profile import Profiles
from holdfast.console.commands import push
from holdfast.console.telling import Registry, Told
from holdfast.registry.beginning.service import Beginning
from holdfast.web.caller import Caller
from holdfast.web.frame import Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

PATH = "/start"


class Step(NamedTuple):
    """`href`, `action`: where it is taken in the browser, '' nowhere; `commands`: where it is taken on the host;
    `told`: what a client has to be told before."""

    title: str
    text: str
    done: bool
    href: str = ""
    action: str = ""
    commands: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()


class FirstSteps:
    """The first steps of administrators."""

    def __init__(self, frame: Frame, profiles: Profiles, users: Users, beginning: Beginning) -> None:
        self._frame = frame
        self._profiles = profiles
        self._users = users
        self._beginning = beginning

    def routes(self) -> list[Route]:
        """Every route of this page."""
        return [Route("GET", PATH, self.show), Route("POST", PATH, self.hide)]

    async def landing(self, caller: Caller) -> str:
        """Where somebody goes on who just signed in and wanted nowhere: here, while a step is left to him."""
        if not caller.at("").system(Action.ADMINISTER) or await self._profiles.hides_steps(caller.who.subject.id):
            return "/"
        return PATH if not all(step.done for step in await self._steps(caller)) else "/"

    async def show(self, visit: Visit) -> Answer:
        """The steps."""
        caller = self._frame.signed_in(visit)
        return self._frame.page(visit, "first-steps.html", steps=await self._steps(caller))

    async def hide(self, visit: Visit) -> Answer:
        """Put the list away."""
        await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        await self._steps(caller)
        await self._profiles.hide_steps(caller.who)
        return self._frame.done(visit, "/", "The first steps are put away: /start shows them")

    async def _steps(self, caller: Caller) -> list[Step]:
        """Raises `Denied`."""
        begun = await self._beginning.of(caller.at(""))
        first = push(Registry.at(self._frame.place, caller.who.subject.name), "team-a/app")[0]
        return [
            *await self._own(caller),
            Step(
                "TLS",
                "Clients reach the registry by https. Without it docker takes no name but localhost, and passwords "
                "are read on the way. The first line makes a certificate of an authority of your own; or put a proxy "
                "with one in front.",
                self._frame.place.secure,
                commands=(
                    "holdfast tls init registry.example.com --port 5000",
                    "holdfast serve --listen 0.0.0.0:5000 --tls-cert tls/server.crt \\\n"
                    "    --tls-key tls/server.key --public-url https://registry.example.com:5000",
                ),
            ),
            Step(
                "First push",
                "Any image will do; docker asks for your password, or for a key where you have a second factor.",
                begun.pushed,
                commands=(first.text,),
                told=first.told,
            ),
            Step(
                "Backup",
                "A copy on another disk, made while the registry serves. Let a timer make one every night.",
                begun.backed_up_at is not None,
                commands=("holdfast backup /srv/backup --data /srv/registry --keep 14",),
            ),
        ]

    async def _own(self, caller: Caller) -> list[Step]:
        """The steps about one's own sign-in, for who signs in by a password."""
        who = caller.who.subject
        if who.kind is not SubjectKind.PERSON:
            return []
        me = await self._users.get(caller.who, who.name, origin=caller.origin)
        if not me.has_password:
            return []
        return [
            Step(
                "A password of your own",
                "The first one was printed at the first start, or is in the configuration: others may have read it.",
                me.password_at is not None,
                "/me/sign-in#password",
                "Change the password",
            ),
            Step(
                "A second factor",
                "Whoever administers the registry holds everything in it: let a password alone not suffice.",
                bool(me.second_factor),
                "/me/second-factor",
                "Set up a second factor",
            ),
        ]
