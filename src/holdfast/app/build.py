"""The whole program, put together by plain constructor calls, top to bottom."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from holdfast.access.accounts.administrator import ensure_administrator
from holdfast.access.auditing.service import Audit
from holdfast.access.certificates import Certificates
from holdfast.access.grants.groups import replace_provider_groups
from holdfast.access.installation import installation_id
from holdfast.access.keyring import load_key
from holdfast.access.keys.keychain import Keychain
from holdfast.access.keys.service import HASH_KEY
from holdfast.access.master import MasterKey
from holdfast.access.requirement import Required
from holdfast.access.service import Access
from holdfast.access.usage.watch import Watch
from holdfast.api.frame import Gate
from holdfast.app.auditing import audit_keys
from holdfast.app.banner import address
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.app.engines import Engines, database_target, make_blobs, open_database, open_objects, open_targets
from holdfast.app.features import FEATURES
from holdfast.app.federating import Federating, open_federation
from holdfast.app.handing import Handing
from holdfast.app.health import Health
from holdfast.app.logins import Logins, key_settings, open_logins, open_signing_keys, request_limits, token_settings
from holdfast.app.managing import Core, open_managed, refusals_watched
from holdfast.app.masters import open_master, seals
from holdfast.app.metrics.numbers import Numbers
from holdfast.app.metrics.route import MetricsRoute
from holdfast.app.mirror import Mirror
from holdfast.app.pages import Shown, open_pages
from holdfast.app.proxies import IdentityHeader, Proxies
from holdfast.app.redirects import Redirects
from holdfast.app.registry_settings import registry_settings
from holdfast.app.signing_in import SigningIn, open_signing_in
from holdfast.app.tracing.blobs import traced_blobs
from holdfast.app.tracing.opening import open_told
from holdfast.app.tracing.traced import traced_database, traced_room
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.port import BlobStore
from holdfast.db.port import Database
from holdfast.db.schema import prepare_schema
from holdfast.distribution.challenge import Challenges
from holdfast.distribution.deletes import DeleteHandlers
from holdfast.distribution.lists import ListHandlers
from holdfast.distribution.pulls import PullHandlers
from holdfast.distribution.pushes import PushHandlers
from holdfast.distribution.request import Receive, Scope, Send
from holdfast.distribution.surface import Handlers, Surface
from holdfast.distribution.tokens import TokenHandlers
from holdfast.distribution.watching import Watching
from holdfast.feature.model import Feature, Serving
from holdfast.feature.telling import begin
from holdfast.management.app import management_api
from holdfast.registry.deletion.service import Deletion
from holdfast.registry.events.feed import Feed
from holdfast.registry.lastuse.service import LastUse
from holdfast.registry.listing.service import Listing
from holdfast.registry.objects import Objects
from holdfast.registry.pull.service import Pull
from holdfast.registry.push.service import Push
from holdfast.registry.quotas.telling import Exceeding
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.sweep.service import Sweep
from holdfast.registry.upload.mount import Mount
from holdfast.registry.upload.service import Upload
from holdfast.registry.upload.session import SessionSigner
from holdfast.remote.outbound import Outbound
from holdfast.telemetry.access_log import AccessLog
from holdfast.telemetry.events import Events
from holdfast.telemetry.meters import Meters, Tally
from holdfast.telemetry.pages import Book, Role
from holdfast.telemetry.surface import Telemetry
from holdfast.telemetry.traces import Traces

_UPLOAD_KEY = "upload-id"
Room = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application that serves the paths below one first segment."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a worker process runs. Closed in the order: log-ins, blobs, database."""

    db: Database
    blobs: BlobStore
    objects: Objects
    access: Access
    logins: Logins
    signing_in: SigningIn
    outbound: Outbound
    targets: Outbound
    watch: Watch
    last_use: LastUse
    feed: Feed
    exceeding: Exceeding
    surface: Room
    rooms: Mapping[str, Room]
    identity: IdentityHeader
    mirror: Mirror
    sweep: Sweep
    redirects: Redirects | None
    access_log: AccessLog
    events: Events
    meters: Meters
    numbers: Numbers
    telemetry: Telemetry

    @property
    def in_flight(self) -> Tally:
        """How many requests are being served."""
        return self.telemetry.counters.in_flight

    async def close(self) -> None:
        """Finish what is under way and let go of everything."""
        await self.feed.close()
        await self.exceeding.close()
        await self.signing_in.recheck.close()
        await self.outbound.close()
        await self.targets.close()
        self.logins.close()
        await self.blobs.close()
        await self.db.close()
        self.access_log.flush()
        if self.telemetry.traces is not None:
            await self.telemetry.traces.close()


async def first_start(settings: Settings, directory: DataDirectory) -> str | None:
    """Lay the schema, the store and the first administrator; returns its password if it was made here."""
    master = open_master(settings, directory)
    await prepare_schema(database_target(settings, directory))
    db = await open_database(settings, directory)
    blobs = make_blobs(settings, directory)
    try:
        await load_key(db, master, _UPLOAD_KEY)
        await open_signing_keys(db, master)
        await open_objects(db, blobs, master, sealing=seals(settings))
        await blobs.open(await installation_id(db))
        await begin(db, FEATURES)
        given = settings.admin_password.reveal() if settings.admin_password is not None else None
        return await ensure_administrator(db, given)
    finally:
        await blobs.close()
        await db.close()


async def build(
    settings: Settings,
    directory: DataDirectory,
    features: Sequence[Feature] = FEATURES,
    *,
    leaving: Callable[[], bool] = lambda: False,
    book: Book | None = None,
) -> Services:
    """One worker's services over what `first_start` has laid. `leaving`: whether the worker is about to end; `book`:
    where it counts, together with its siblings."""
    core = registry_settings(settings)
    traces, events = open_told(settings, Role.SERVE)
    access_log = AccessLog(_writer())
    book = book or Book(1)
    meters = Meters(book.claim(Role.SERVE))
    (db, blobs, objects, master, targets), installation = await _opened(settings, directory, meters, traces)
    key = await load_key(db, master, _UPLOAD_KEY)
    watch = Watch(db, rows=settings.usage.rows, fed=any(feature.uses for feature in features), meters=meters)
    last_use = LastUse(db)
    outbound = Outbound(settings.outbound.allow, settings.outbound.ca_file, traces=traces)
    signing_in, logins, federating, access = await _recognition(
        settings, db, master, installation, outbound=outbound, watch=watch, events=events, meters=meters
    )
    proxies = Proxies(settings.trusted_proxies)
    redirects = Redirects(settings, blobs, proxies) if settings.storage.url is not None else None
    served = _Served(db, blobs, objects, core, access)
    handlers = _handlers(served, settings, SessionSigner(key), redirects, proxies)
    exceeding = Exceeding(db)
    challenges = Challenges(address(settings)[0], token_settings(settings).service)
    telemetry = Telemetry(events, access_log, proxies.remote, meters, traces)
    numbers = Numbers(book, db, blobs, settings)
    idle = settings.uploads.idle.total_seconds()
    surface = Surface(access, handlers, challenges, Watching(watch, last_use, exceeding), telemetry, idle=idle)
    audit = Audit(db, await audit_keys(db, master), installation)
    keychain = Keychain(db, await load_key(db, master, HASH_KEY), key_settings(settings))
    feed = Feed(db, access.policy_version, leaving)
    managing = Core(access, objects, settings, features, feed)
    managed = open_managed(db, logins, keychain, signing_in, audit, federating=federating, core=managing)
    gate = Gate(access, challenges.of, refusals_watched(watch), exceeding.tell)
    serving = _serving(served, keychain, settings, master, targets, meters)
    more = [routes for feature in features for routes in feature.routes(serving)]
    token = settings.metrics.token
    rooms: dict[str, Room] = {
        "api": traced_room(management_api(gate, telemetry, managed, more), traces, proxies),
        "metrics": MetricsRoute(access, challenges.of, telemetry, numbers, token.reveal() if token else None),
    }
    if not settings.open:
        shown = Shown(db, signing_in, managed, logins, watch.login, telemetry, gate, Health(db, blobs, settings))
        site = open_pages(shown, features, serving)
        rooms |= dict.fromkeys(site.first_segments, site)
    return Services(
        db,
        blobs,
        objects,
        access,
        logins,
        signing_in,
        outbound,
        targets,
        watch,
        last_use,
        feed,
        exceeding,
        traced_room(surface, traces, proxies),
        rooms,
        IdentityHeader(proxies, settings.login.identity_header),
        Mirror(proxies),
        Sweep(db, blobs, core),
        redirects,
        access_log,
        events,
        meters,
        numbers,
        telemetry,
    )


async def _opened(
    settings: Settings, directory: DataDirectory, meters: Meters, traces: Traces | None
) -> tuple[Engines, str]:
    """The engines of a worker, and the id of the installation."""
    db = traced_database(await open_database(settings, directory, meters), traces)
    blobs = make_blobs(settings, directory)
    installation = await installation_id(db)
    await blobs.open(installation)
    master = open_master(settings, directory)
    objects = await open_objects(db, traced_blobs(blobs, traces), master, sealing=seals(settings))
    return Engines(db, blobs, objects, master, open_targets(settings, traces)), installation


class _Recognition(NamedTuple):
    """How people and machines are recognised."""

    signing_in: SigningIn
    logins: Logins
    federating: Federating
    access: Access


async def _recognition(
    settings: Settings,
    db: Database,
    master: MasterKey,
    installation: str,
    *,
    outbound: Outbound,
    watch: Watch,
    events: Events,
    meters: Meters,
) -> _Recognition:
    signing_in = await open_signing_in(
        db, master, settings, outbound=outbound, groups=replace_provider_groups, events=events, told=watch.login
    )
    logins = await open_logins(db, master, installation, settings, watch=watch, recheck=signing_in.recheck)
    federating = open_federation(db, settings, outbound, watch.login)
    certificates = Certificates(db, watch.login) if settings.login.identity_header is not None else None
    ways = logins.ways._replace(machines=federating.federation, certificates=certificates)
    required = Required(settings.signin.second_factor_required)
    access = Access(
        db, ways, open_to_all=settings.open, limits=request_limits(settings), meters=meters, required=required
    )
    return _Recognition(signing_in, logins, federating, access)


class _Served(NamedTuple):
    """What requests are served with."""

    db: Database
    blobs: BlobStore
    objects: Objects
    core: RegistrySettings
    access: Access


def _handlers(
    served: _Served, settings: Settings, signer: SessionSigner, redirects: Redirects | None, proxies: Proxies
) -> Handlers:
    """The handlers of the surface."""
    db, blobs, objects, core, access = served
    accel = settings.storage.accel
    handed = Handing(accel, blobs.place, proxies) if accel is not None and isinstance(blobs, LocalBlobs) else None
    return Handlers(
        PullHandlers(Pull(db, objects, core), public=settings.open, redirected=redirects, handed=handed),
        PushHandlers(
            Upload(db, objects, core, signer),
            Mount(db, blobs, core),
            Push(db, objects, core),
            chunk_min=settings.uploads.chunk_min,
        ),
        ListHandlers(Listing(db, objects, core)),
        DeleteHandlers(Deletion(db, objects, core)),
        TokenHandlers(access),
    )


def _serving(  # noqa: PLR0917 - what features work with
    served: _Served, keys: Keychain, settings: Settings, master: MasterKey, targets: Outbound, meters: Meters
) -> Serving:
    """What the routes and pages of features work with."""
    return Serving(
        db=served.db,
        access=served.access,
        keys=keys,
        objects=served.objects,
        settings=served.core,
        master=master,
        targets=targets,
        public=address(settings)[0],
        meters=meters,
    )


def _writer() -> Callable[[str], object]:
    """Writes whole batches of access lines to standard error."""
    stream = sys.stderr

    def write(text: str) -> None:
        stream.write(text)
        stream.flush()

    return write
