"""The services that the management API is a face of, put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from holdfast.access.accounts.robots import Robots
from holdfast.access.accounts.users import Users
from holdfast.access.auditing.service import Audit
from holdfast.access.drafts.service import Drafts
from holdfast.access.drafts.trial import Trial
from holdfast.access.errors import Denied
from holdfast.access.grants.groups import Groups
from holdfast.access.grants.roles import Roles
from holdfast.access.grants.service import Grants
from holdfast.access.grants.visibility import Visibility
from holdfast.access.invitations.service import Invitations
from holdfast.access.jobs import SeenJobs
from holdfast.access.keys.keychain import Keychain
from holdfast.access.keys.soon import SoonKeys
from holdfast.access.model import UNCHECKED, Identity
from holdfast.access.policy.model import Action
from holdfast.access.requests.service import Requests
from holdfast.access.requirement import Required
from holdfast.access.service import Access
from holdfast.access.tokens.sessions import Sessions
from holdfast.access.usage.service import Usage
from holdfast.access.usage.watch import Watch
from holdfast.access.why import Why
from holdfast.app.banner import address
from holdfast.app.config import Settings
from holdfast.app.federating import Federating
from holdfast.app.logins import Logins
from holdfast.app.registry_settings import registry_settings
from holdfast.app.setting_kinds import setting_kinds
from holdfast.app.signing_in import SigningIn
from holdfast.db.port import Database
from holdfast.feature.model import Feature
from holdfast.journal.model import Origin
from holdfast.management.app import Managed
from holdfast.management.event_streams import Streams
from holdfast.registry.attention.service import Attention
from holdfast.registry.browsing.repositories import RepositoryTable
from holdfast.registry.browsing.tags import TagTable
from holdfast.registry.collect.asking import Collections
from holdfast.registry.collect.why import WhyKept
from holdfast.registry.deletion.service import Deletion
from holdfast.registry.details.looking import Looking
from holdfast.registry.details.service import Artifacts
from holdfast.registry.editing.service import Editing
from holdfast.registry.events.feed import Feed
from holdfast.registry.events.service import Events
from holdfast.registry.exporting.service import Exports
from holdfast.registry.history.rollback.service import Rollback
from holdfast.registry.history.service import History
from holdfast.registry.history.undelete.service import Undelete
from holdfast.registry.lastuse.tags import TagList
from holdfast.registry.ledger.service import Storage
from holdfast.registry.namespaces.removal import Removal
from holdfast.registry.namespaces.repositories import Repositories
from holdfast.registry.namespaces.service import Namespaces
from holdfast.registry.namespaces.settings import SettingsTree
from holdfast.registry.objects import Objects
from holdfast.registry.promotion.service import Promotion
from holdfast.registry.purge.service import Purge
from holdfast.registry.quotas.managing import Quotas
from holdfast.registry.scrub.seeing import Damages
from holdfast.registry.search.service import Search
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.several.service import Several
from holdfast.registry.upload.looking import Uploads


class Core(NamedTuple):
    """The registry as the API manages it: who may do what in it, its content, the settings of the program, its
    features, and the feed of what happens in it."""

    access: Access
    objects: Objects
    settings: Settings
    features: Sequence[Feature]
    feed: Feed

    @property
    def registry(self) -> RegistrySettings:
        """The settings of the registry's use-cases."""
        return registry_settings(self.settings)


def open_managed(
    db: Database,
    logins: Logins,
    keychain: Keychain,
    signing_in: SigningIn,
    audit: Audit,
    *,
    federating: Federating,
    core: Core,
) -> Managed:
    """Every service that the API shows."""
    return Managed(
        access=core.access,
        settings=SettingsTree(db, setting_kinds(core.settings, core.features)),
        quotas=Quotas(db),
        storage=Storage(db),
        damages=Damages(db),
        namespaces=Namespaces(db),
        repositories=Repositories(db),
        removal=Removal(db, core.registry),
        purge=Purge(db, core.registry),
        promotion=Promotion(db, core.objects, core.registry),
        artifacts=Artifacts(db, core.objects, core.registry),
        looking=Looking(db, core.objects, core.registry),
        deletion=Deletion(db, core.objects, core.registry),
        search=Search(db, core.registry),
        editing=Editing(db, core.objects, core.registry),
        history=History(db),
        rollback=Rollback(db, core.registry),
        undelete=Undelete(db, core.registry),
        users=Users(db, logins.checker, logins.passwords, Required(core.settings.signin.second_factor_required)),
        factors=signing_in.factors,
        groups=Groups(db),
        robots=Robots(db),
        keys=keychain,
        sessions=Sessions(db),
        roles=Roles(db),
        grants=Grants(db),
        visibility=Visibility(db),
        why=Why(db),
        requests=Requests(db),
        invitations=Invitations(db, keychain.hash_key),
        providers=signing_in.providers,
        issuers=federating.issuers,
        rules=federating.rules,
        audit=audit,
        usage=Usage(db),
        drafts=Drafts(db),
        trial=Trial(db),
        tags=TagList(db),
        tag_table=TagTable(db, core.objects),
        several=Several(db, core.objects),
        exports=Exports(db),
        repository_table=RepositoryTable(db),
        events=Events(db),
        uploads=Uploads(db, core.objects.blobs, core.registry),
        attention=Attention(db, core.registry),
        soon_keys=SoonKeys(db),
        streams=Streams(core.feed),
        source=address(core.settings)[0],
        jobs=SeenJobs(db),
        collections=Collections(db),
        why_kept=WhyKept(db, core.registry),
    )


def refusals_watched(watch: Watch) -> Callable[[Identity, Origin, Denied], None]:
    """Tells the watch of what the API refused; what a refusal does not name counts as management of access."""

    def denied(who: Identity, origin: Origin, error: Denied) -> None:
        if who.version == UNCHECKED:
            return
        said, where, tag = (error.detail.get(name) for name in ("action", "repository", "tag"))
        action = Action(said) if isinstance(said, str) and said in set(Action) else Action.MANAGE_ACCESS
        where = where if isinstance(where, str) else ""
        watch.denied(who, origin, action, where, tag if isinstance(tag, str) else "", str(error))

    return denied
