"""The console put together: the frame, the pages of the core, and what features add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.throttle import Told
from holdfast.api.frame import Gate
from holdfast.app.health import Health
from holdfast.app.logins import Logins
from holdfast.app.running_pages import running_routes
from holdfast.app.signing_in import SigningIn
from holdfast.console.access.pages import AccessShown, access_routes
from holdfast.console.access.refused import offered
from holdfast.console.again import AgainPages
from holdfast.console.artifact.routes import ArtifactServices, artifact_routes
from holdfast.console.first_steps import FirstSteps
from holdfast.console.history.routes import history_routes
from holdfast.console.me.pages import me_routes
from holdfast.console.menu import NAV, TABS
from holdfast.console.repositories.pages import ListServices, repository_routes
from holdfast.console.search.found import People
from holdfast.console.search.pages import SearchPages
from holdfast.console.settings.routes import setting_routes
from holdfast.console.sign_in import SignInPages
from holdfast.console.sign_in_trial import TrialPages
from holdfast.db.port import Database
from holdfast.feature.model import Feature, Pages, Serving
from holdfast.management.app import Managed
from holdfast.registry.beginning.service import Beginning
from holdfast.telemetry.surface import Telemetry
from holdfast.web.assets import Assets
from holdfast.web.caller import Caller
from holdfast.web.cookies import Cookies
from holdfast.web.forms import Forms
from holdfast.web.frame import Frame
from holdfast.web.site import Heard, Route, Site
from holdfast.web.slots import Added
from holdfast.web.templates import Templates
from holdfast.web.toasts import Toasts
from holdfast.web.visit import Look


class Shown(NamedTuple):
    """What the pages are made of. `managed`: the services that the API is a face of as well; `told`: hears of log-ins;
    `gate`: of the API, which asks and tells the same."""

    db: Database
    signing_in: SigningIn
    managed: Managed
    logins: Logins
    told: Told
    telemetry: Telemetry
    gate: Gate
    health: Health


def open_pages(shown: Shown, features: Sequence[Feature], serving: Serving) -> Site:
    """The pages as one ASGI application."""
    assets = Assets()
    frame = _frame(shown, assets)
    found = [feature.pages(serving, frame) for feature in features]
    for pages in found:
        if pages.templates:
            frame.templates.add(pages.templates)
    frame.added = _together(found)
    routes = [*core_routes(shown, frame), *(route for pages in found for route in pages.routes)]
    heard = Heard(shown.gate.denied, shown.gate.exceeded)
    return Site(frame, assets, shown.telemetry, routes, heard=heard, more=offered)


def core_routes(shown: Shown, frame: Frame) -> list[Route]:
    """The pages of the core's nouns."""
    managed, parts = shown.managed, shown.signing_in
    trials = TrialPages(frame, parts.trials)
    steps = FirstSteps(frame, parts.profiles, managed.users, Beginning(shown.db))
    return [
        *SignInPages(
            frame,
            parts.sign_in,
            parts.factors,
            shown.logins.passwords.first_step,
            told=shown.told,
            landing=steps.landing,
            trial=trials.finish,
        ).routes(),
        *AgainPages(frame).routes(),
        *trials.routes(),
        *steps.routes(),
        *me_routes(
            frame,
            shown.db,
            profiles=parts.profiles,
            keys=managed.keys,
            users=managed.users,
            factors=parts.factors,
            tokens=managed.sessions,
        ),
        *access_routes(frame, _access(managed)),
        *running_routes(frame, managed, shown.health),
        *SearchPages(
            frame,
            managed.search,
            People(managed.users, managed.robots, managed.jobs, managed.audit),
        ).routes(),
        *history_routes(
            frame,
            managed.settings,
            history=managed.history,
            rollback=managed.rollback,
            undelete=managed.undelete,
            removal=managed.removal,
        ),
        *setting_routes(
            frame,
            managed.settings,
            quotas=managed.quotas,
            visibility=managed.visibility,
            namespaces=managed.namespaces,
            repositories=managed.repositories,
            removal=managed.removal,
        ),
        *artifact_routes(frame, _artifact_services(managed)),
        *repository_routes(frame, _listed(managed)),
    ]


def _artifact_services(managed: Managed) -> ArtifactServices:
    return ArtifactServices(
        looking=managed.looking,
        artifacts=managed.artifacts,
        editing=managed.editing,
        promotion=managed.promotion,
        deletion=managed.deletion,
        undelete=managed.undelete,
        history=managed.history,
        usage=managed.usage,
    )


def _listed(managed: Managed) -> ListServices:
    return ListServices(
        managed.repository_table,
        managed.tag_table,
        managed.repositories,
        managed.settings,
        managed.several,
    )


def _access(managed: Managed) -> AccessShown:
    return AccessShown(
        managed.grants,
        managed.roles,
        managed.visibility,
        managed.requests,
        managed.invitations,
        managed.robots,
        managed.keys,
        managed.rules,
        managed.why,
        managed.groups,
    )


def _frame(shown: Shown, assets: Assets) -> Frame:
    parts = shown.signing_in

    async def looks(account: int) -> Look:
        return Look(*await parts.profiles.of(account))

    async def running(caller: Caller) -> int:
        return await shown.managed.jobs.running(caller.at(""))

    return Frame(
        place=parts.place,
        cookies=Cookies(secure=parts.place.secure),
        forms=Forms(parts.place, parts.seal),
        toasts=Toasts(parts.seal),
        templates=Templates("holdfast.console", assets=assets),
        sessions=parts.sessions,
        access=shown.gate.access,
        events=shown.telemetry.events,
        now=shown.db.now,
        once=parts.once.take,
        looks=looks,
        running=running,
    )


def _together(found: Sequence[Pages]) -> Added:
    """What all features add, and the core's own menu and tabs."""
    return Added(
        panels=tuple(each for pages in found for each in pages.added.panels),
        columns=tuple(each for pages in found for each in pages.added.columns),
        repository_columns=tuple(each for pages in found for each in pages.added.repository_columns),
        tabs=(*TABS, *(each for pages in found for each in pages.added.tabs)),
        nav=(*NAV, *(each for pages in found for each in pages.added.nav)),
    )
