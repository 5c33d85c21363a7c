"""The whole program, put together by plain constructor calls, top to bottom."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from holdfast.access.accounts.administrator import ensure_administrator
from holdfast.access.auditing.service import Audit
from holdfast.access.certificates import Certificates
from holdfast.access.grants.groups import replace_provider_groups
from holdfast.access.installation import installation_id
from holdfast.access.keyring import load_key
from holdfast.access.keys.keychain import Keychain
from holdfast.access.keys.service import HASH_KEY
from holdfast.access.service import Access
from holdfast.access.usage.watch import Watch
from holdfast.api.frame import Gate
from holdfast.app.auditing import audit_keys
from holdfast.app.banner import address
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.app.engines import database_target, make_blobs, open_database, open_objects
from holdfast.app.features import FEATURES
from holdfast.app.federating import open_federation
from holdfast.app.handing import Handing
from holdfast.app.logins import Logins, key_settings, open_logins, open_signing_keys, request_limits, token_settings
from holdfast.app.managing import Core, open_managed, refusals_watched
from holdfast.app.masters import open_master, seals
from holdfast.app.mirror import Mirror
from holdfast.app.proxies import IdentityHeader, Proxies
from holdfast.app.redirects import Redirects
from holdfast.app.registry_settings import registry_settings
from holdfast.app.signing_in import SigningIn, open_signing_in, pages
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
from holdfast.management.app import management_api
from holdfast.registry.deletion.service import Deletion
from holdfast.registry.lastuse.service import LastUse
from holdfast.registry.listing.service import Listing
from holdfast.registry.objects import Objects
from holdfast.registry.pull.service import Pull
from holdfast.registry.push.service import Push
from holdfast.registry.sweep.service import Sweep
from holdfast.registry.upload.mount import Mount
from holdfast.registry.upload.service import Upload
from holdfast.registry.upload.session import SessionSigner
from holdfast.remote.outbound import Outbound
from holdfast.telemetry.access_log import AccessLog
from holdfast.telemetry.events import Events, make_events
from holdfast.telemetry.surface import Telemetry

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
    watch: Watch
    last_use: LastUse
    surface: Surface
    rooms: Mapping[str, Room]
    identity: IdentityHeader
    mirror: Mirror
    sweep: Sweep
    redirects: Redirects | None
    access_log: AccessLog
    events: Events

    async def close(self) -> None:
        """Finish what is under way and let go of everything."""
        await self.signing_in.recheck.close()
        await self.outbound.close()
        self.logins.close()
        await self.blobs.close()
        await self.db.close()
        self.access_log.flush()


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
        given = settings.admin_password.reveal() if settings.admin_password is not None else None
        return await ensure_administrator(db, given)
    finally:
        await blobs.close()
        await db.close()


async def build(settings: Settings, directory: DataDirectory, features: Sequence[Feature] = FEATURES) -> Services:
    """One worker's services over what `first_start` has laid."""
    core = registry_settings(settings)
    events = make_events(settings.log.level, settings.log.format)
    access_log = AccessLog(_writer())
    db = await open_database(settings, directory)
    blobs = make_blobs(settings, directory)
    installation = await installation_id(db)
    await blobs.open(installation)
    master = open_master(settings, directory)
    key = await load_key(db, master, _UPLOAD_KEY)
    objects = await open_objects(db, blobs, master, sealing=seals(settings))
    watch = Watch(db, rows=settings.usage.rows)
    last_use = LastUse(db)
    outbound = Outbound(settings.outbound.allow, settings.outbound.ca_file)
    signing_in = await open_signing_in(
        db, master, settings, outbound=outbound, groups=replace_provider_groups, events=events
    )
    logins = await open_logins(db, master, installation, settings, watch=watch, recheck=signing_in.recheck)
    federating = open_federation(db, settings, outbound, watch.login)
    certificates = Certificates(db, watch.login) if settings.login.identity_header is not None else None
    ways = logins.ways._replace(machines=federating.federation, certificates=certificates)
    access = Access(db, ways, open_to_all=settings.open, limits=request_limits(settings))
    proxies = Proxies(settings.trusted_proxies)
    redirects = Redirects(settings, blobs, proxies) if settings.storage.url is not None else None
    accel = settings.storage.accel
    handed = Handing(accel, blobs.place, proxies) if accel is not None and isinstance(blobs, LocalBlobs) else None
    handlers = Handlers(
        PullHandlers(Pull(db, objects, core), public=settings.open, redirected=redirects, handed=handed),
        PushHandlers(
            Upload(db, objects, core, SessionSigner(key)),
            Mount(db, blobs, core),
            Push(db, objects, core),
            chunk_min=settings.uploads.chunk_min,
        ),
        ListHandlers(Listing(db, objects, core)),
        DeleteHandlers(Deletion(db, objects, core)),
        TokenHandlers(access),
    )
    challenges = Challenges(address(settings)[0], token_settings(settings).service)
    telemetry = Telemetry(events, access_log, proxies.remote)
    idle = settings.uploads.idle.total_seconds()
    surface = Surface(access, handlers, challenges, Watching(watch, last_use), telemetry, idle=idle)
    audit = Audit(db, await audit_keys(db, master), installation)
    keychain = Keychain(db, await load_key(db, master, HASH_KEY), key_settings(settings))
    managed = open_managed(
        db, logins, keychain, signing_in, audit, federating=federating, core=Core(access, objects, settings, features)
    )
    gate = Gate(access, challenges.of, refusals_watched(watch))
    serving = Serving(db=db, access=access, objects=objects, settings=core)
    more = [routes for feature in features for routes in feature.routes(serving)]
    rooms: dict[str, Room] = {"api": management_api(gate, telemetry, managed, more)}
    if not settings.open:
        site = pages(
            db, signing_in, keys=keychain, password=logins.passwords.recognise, told=watch.login, telemetry=telemetry
        )
        rooms |= dict.fromkeys(site.first_segments, site)
    return Services(
        db,
        blobs,
        objects,
        access,
        logins,
        signing_in,
        outbound,
        watch,
        last_use,
        surface,
        rooms,
        IdentityHeader(proxies, settings.login.identity_header),
        Mirror(proxies),
        Sweep(db, blobs, core),
        redirects,
        access_log,
        events,
    )


def _writer() -> Callable[[str], object]:
    """Writes whole batches of access lines to standard error."""
    stream = sys.stderr

    def write(text: str) -> None:
        stream.write(text)
        stream.flush()

    return write
