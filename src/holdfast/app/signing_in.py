"""Sign-in put together: providers and browser sessions."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

from holdfast.access.identities import Identities
from holdfast.access.keyring import load_key
from holdfast.access.master import MasterKey
from holdfast.access.requirement import Required
from holdfast.access.signin.discovery import Discovery
from holdfast.access.signin.exchange import Exchange
from holdfast.access.signin.flow import Flow
from holdfast.access.signin.once import Once
from holdfast.access.signin.people import People, ReplaceGroups
from holdfast.access.signin.profile import Profiles
from holdfast.access.signin.providers import Providers
from holdfast.access.signin.recheck import Recheck
from holdfast.access.signin.sealing import KEY_NAME, Seal
from holdfast.access.signin.second_factor import KEY_NAME as FACTOR_KEY
from holdfast.access.signin.second_factor import SecondFactors
from holdfast.access.signin.service import SignIn
from holdfast.access.signin.sessions import Sessions
from holdfast.access.signin.settings import SigninSettings
from holdfast.access.signin.trial import Trials
from holdfast.access.throttle import Hold, Throttle, Told
from holdfast.app.authority import is_private
from holdfast.app.banner import address
from holdfast.app.config import Settings
from holdfast.app.logins import throttle_settings
from holdfast.db.port import Database
from holdfast.remote.outbound import Outbound
from holdfast.telemetry.events import Events
from holdfast.web.place import Place, place_of


@dataclass(frozen=True, slots=True)
class SigningIn:
    """What sign-in is made of. `once`: which forms were sent; `recheck` is asked about the owners of keys."""

    seal: Seal
    place: Place
    providers: Providers
    sessions: Sessions
    factors: SecondFactors
    profiles: Profiles
    once: Once
    sign_in: SignIn
    trials: Trials
    recheck: Recheck


async def open_signing_in(
    db: Database,
    master: MasterKey,
    settings: Settings,
    *,
    outbound: Outbound,
    groups: ReplaceGroups,
    events: Events,
    told: Told,
) -> SigningIn:
    """Sign-in for this installation. `told`: hears of wrong codes."""
    seal = Seal(await load_key(db, master, KEY_NAME))
    url, _ = address(settings)
    place = place_of(settings.public_url, url.partition("://")[0], str(settings.listen))
    if settings.tls_cert is not None and place.secure:
        place = place._replace(private=await asyncio.to_thread(is_private, settings.tls_cert))
    chosen = SigninSettings(
        settings.signin.idle // timedelta(microseconds=1),
        settings.signin.absolute // timedelta(microseconds=1),
        settings.signin.key_life // timedelta(microseconds=1),
        Required(settings.signin.second_factor_required),
    )
    discovery, exchange = Discovery(outbound), Exchange(outbound)
    providers = Providers(db, seal, outbound, discovery, place.origin)
    sessions = Sessions(db, seal, Identities(db).of, chosen)
    factors = SecondFactors(
        db,
        Seal(await load_key(db, master, FACTOR_KEY)),
        host=place.host,
        throttle=Throttle(throttle_settings(settings), time.monotonic),
        hold=Hold(),
        told=told,
    )
    flow = Flow(db, seal, providers=providers, discovery=discovery, exchange=exchange)
    people = People(groups)
    recheck = Recheck(db, seal, discovery, exchange, settings=chosen, events=events)
    return SigningIn(
        seal=seal,
        place=place,
        providers=providers,
        sessions=sessions,
        factors=factors,
        profiles=Profiles(db),
        once=Once(db),
        sign_in=SignIn(db, seal, flow, providers=providers, people=people, sessions=sessions),
        trials=Trials(db, flow, people),
        recheck=recheck,
    )
