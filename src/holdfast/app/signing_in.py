"""Sign-in put together: providers, browser sessions, and the pages that stand on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from holdfast.access.identities import Identities
from holdfast.access.keyring import load_key
from holdfast.access.keys.keychain import Keychain
from holdfast.access.master import MasterKey
from holdfast.access.signin.discovery import Discovery
from holdfast.access.signin.exchange import Exchange
from holdfast.access.signin.people import People, ReplaceGroups
from holdfast.access.signin.providers import Providers
from holdfast.access.signin.recheck import Recheck
from holdfast.access.signin.sealing import KEY_NAME, Seal
from holdfast.access.signin.service import SignIn
from holdfast.access.signin.sessions import Sessions
from holdfast.access.signin.settings import SigninSettings
from holdfast.access.throttle import Told
from holdfast.app.banner import address
from holdfast.app.config import Settings
from holdfast.console.me import MePages
from holdfast.console.sign_in import RecognisePassword, SignInPages
from holdfast.db.port import Database
from holdfast.remote.outbound import Outbound
from holdfast.telemetry.events import Events
from holdfast.telemetry.surface import Telemetry
from holdfast.web.assets import Assets
from holdfast.web.cookies import Cookies
from holdfast.web.forms import Forms
from holdfast.web.place import Place, place_of
from holdfast.web.site import Frame, Site
from holdfast.web.templates import Templates


@dataclass(frozen=True, slots=True)
class SigningIn:
    """What sign-in is made of. `recheck` is asked about the owners of keys."""

    seal: Seal
    place: Place
    providers: Providers
    sessions: Sessions
    sign_in: SignIn
    recheck: Recheck


async def open_signing_in(
    db: Database,
    master: MasterKey,
    settings: Settings,
    *,
    outbound: Outbound,
    groups: ReplaceGroups,
    events: Events,
) -> SigningIn:
    """Sign-in for this installation."""
    seal = Seal(await load_key(db, master, KEY_NAME))
    url, _ = address(settings)
    place = place_of(settings.public_url, url.partition("://")[0], str(settings.listen))
    chosen = SigninSettings(
        settings.signin.idle // timedelta(microseconds=1),
        settings.signin.absolute // timedelta(microseconds=1),
        settings.signin.key_life // timedelta(microseconds=1),
    )
    discovery, exchange = Discovery(outbound), Exchange(outbound)
    providers = Providers(db, seal, outbound, discovery, place.origin)
    sessions = Sessions(db, seal, Identities(db).of, chosen)
    sign_in = SignIn(
        db,
        seal,
        providers=providers,
        discovery=discovery,
        exchange=exchange,
        people=People(groups),
        sessions=sessions,
    )
    recheck = Recheck(db, seal, discovery, exchange, settings=chosen, events=events)
    return SigningIn(seal, place, providers, sessions, sign_in, recheck)


def pages(
    db: Database, parts: SigningIn, *, keys: Keychain, password: RecognisePassword, told: Told, telemetry: Telemetry
) -> Site:
    """The pages as one ASGI application."""
    assets = Assets()
    templates = Templates("holdfast.console", assets=assets)
    cookies = Cookies(secure=parts.place.secure)
    frame = Frame(parts.place, cookies, Forms(parts.place, parts.seal), templates, parts.sessions)
    routes = [
        *SignInPages(frame, parts.sign_in, password, told, telemetry.events).routes(),
        *MePages(frame, db, keys).routes(),
    ]
    return Site(frame, assets, telemetry, routes)
