"""The management API put together: every router, over the services that the program was built with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.access.accounts.robots import Robots
from holdfast.access.accounts.users import Users
from holdfast.access.auditing.service import Audit
from holdfast.access.drafts.service import Drafts
from holdfast.access.drafts.trial import Trial
from holdfast.access.federation.issuers import Issuers
from holdfast.access.federation.rules import Rules
from holdfast.access.grants.groups import Groups
from holdfast.access.grants.roles import Roles
from holdfast.access.grants.service import Grants
from holdfast.access.grants.visibility import Visibility
from holdfast.access.invitations.service import Invitations
from holdfast.access.jobs import SeenJobs
from holdfast.access.keys.keychain import Keychain
from holdfast.access.keys.soon import SoonKeys
from holdfast.access.requests.service import Requests
from holdfast.access.service import Access
from holdfast.access.signin.providers import Providers
from holdfast.access.signin.second_factor import SecondFactors
from holdfast.access.tokens.sessions import Sessions
from holdfast.access.usage.service import Usage
from holdfast.access.why import Why
from holdfast.api.frame import Frame, Gate
from holdfast.api.routing import Routes
from holdfast.management.access_requests import access_request_routes
from holdfast.management.artifacts import artifact_routes
from holdfast.management.audit import audit_routes
from holdfast.management.changes import change_routes
from holdfast.management.collections import collection_routes
from holdfast.management.compare import compare_routes
from holdfast.management.deleted import deleted_routes
from holdfast.management.event_streams import Streams
from holdfast.management.events import event_routes
from holdfast.management.exports import export_routes
from holdfast.management.federation import federation_routes
from holdfast.management.grants import grant_routes
from holdfast.management.groups import group_routes
from holdfast.management.history import history_routes
from holdfast.management.invitations import invitation_routes
from holdfast.management.issuers import issuer_routes
from holdfast.management.jobs import job_routes
from holdfast.management.keys import key_routes
from holdfast.management.me import me_routes
from holdfast.management.namespaces import namespace_routes
from holdfast.management.policy import policy_routes
from holdfast.management.promotions import promotion_routes
from holdfast.management.providers import provider_routes
from holdfast.management.purges import purge_routes
from holdfast.management.quotas import quota_routes
from holdfast.management.repositories import deleted_repository_routes, repository_routes
from holdfast.management.robots import robot_routes
from holdfast.management.roles import role_routes
from holdfast.management.rollbacks import rollback_routes
from holdfast.management.search import search_routes
from holdfast.management.sessions import session_routes
from holdfast.management.settings import setting_routes
from holdfast.management.storage import damage_routes, storage_routes
from holdfast.management.tags import tag_routes
from holdfast.management.uploads import upload_routes
from holdfast.management.usage import usage_routes
from holdfast.management.users import user_routes
from holdfast.management.visibility import visibility_routes
from holdfast.management.why import why_routes
from holdfast.management.why_kept import why_kept_routes
from holdfast.registry.attention.service import Attention
from holdfast.registry.browsing.repositories import RepositoryTable
from holdfast.registry.browsing.tags import TagTable
from holdfast.registry.collect.asking import Collections
from holdfast.registry.collect.why import WhyKept
from holdfast.registry.deletion.service import Deletion
from holdfast.registry.details.looking import Looking
from holdfast.registry.details.service import Artifacts
from holdfast.registry.editing.service import Editing
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
from holdfast.registry.promotion.service import Promotion
from holdfast.registry.purge.service import Purge
from holdfast.registry.quotas.managing import Quotas
from holdfast.registry.scrub.seeing import Damages
from holdfast.registry.search.service import Search
from holdfast.registry.several.service import Several
from holdfast.registry.upload.looking import Uploads
from holdfast.telemetry.surface import Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """The services that the API is a face of. `source`: the registry's URL, as clients see it."""

    users: Users
    factors: SecondFactors
    groups: Groups
    robots: Robots
    keys: Keychain
    sessions: Sessions
    roles: Roles
    grants: Grants
    visibility: Visibility
    why: Why
    requests: Requests
    invitations: Invitations
    providers: Providers
    issuers: Issuers
    rules: Rules
    audit: Audit
    usage: Usage
    drafts: Drafts
    trial: Trial
    jobs: SeenJobs
    collections: Collections
    why_kept: WhyKept
    access: Access
    settings: SettingsTree
    quotas: Quotas
    storage: Storage
    damages: Damages
    namespaces: Namespaces
    repositories: Repositories
    removal: Removal
    purge: Purge
    promotion: Promotion
    artifacts: Artifacts
    looking: Looking
    deletion: Deletion
    search: Search
    editing: Editing
    history: History
    rollback: Rollback
    undelete: Undelete
    tags: TagList
    tag_table: TagTable
    several: Several
    exports: Exports
    repository_table: RepositoryTable
    events: Events
    uploads: Uploads
    attention: Attention
    soon_keys: SoonKeys
    streams: Streams
    source: str


def management_api(gate: Gate, telemetry: Telemetry, managed: Managed, more: Sequence[Routes] = ()) -> Frame:
    """`/api/v1` as an ASGI application. `more`: the routes of features."""
    rooms = [
        me_routes(),
        user_routes(managed.users, managed.factors),
        group_routes(managed.groups),
        robot_routes(managed.robots),
        key_routes(managed.keys),
        session_routes(managed.sessions),
        role_routes(managed.roles),
        grant_routes(managed.grants),
        visibility_routes(managed.visibility),
        why_routes(managed.why),
        access_request_routes(managed.requests),
        invitation_routes(managed.invitations, managed.source),
        provider_routes(managed.providers),
        issuer_routes(managed.issuers),
        federation_routes(managed.rules),
        audit_routes(managed.audit),
        usage_routes(managed.usage),
        policy_routes(managed.drafts, managed.trial),
        job_routes(managed.jobs),
        collection_routes(managed.access, managed.collections),
        why_kept_routes(managed.access, managed.why_kept),
        setting_routes(managed.access, managed.settings),
        quota_routes(managed.access, managed.quotas),
        storage_routes(managed.access, managed.storage, managed.damages, managed.jobs),
        damage_routes(managed.access, managed.damages),
        upload_routes(managed.access, managed.uploads),
        namespace_routes(managed.access, managed.namespaces, managed.removal, managed.jobs),
        repository_routes(managed.access, managed.repositories, managed.removal),
        deleted_repository_routes(managed.access, managed.repositories, managed.removal),
        purge_routes(managed.access, managed.purge, managed.jobs),
        promotion_routes(managed.access, managed.promotion),
        change_routes(managed.access, managed.several),
        export_routes(managed.access, managed.exports),
        artifact_routes(managed.access, managed.artifacts, managed.editing),
        compare_routes(managed.access, managed.artifacts),
        search_routes(managed.access, managed.search),
        history_routes(managed.access, managed.history),
        event_routes(managed.access, managed.events, managed.streams, managed.source),
        rollback_routes(managed.access, managed.rollback),
        deleted_routes(managed.access, managed.undelete),
        tag_routes(managed.access, managed.tags),
    ]
    return Frame(gate, telemetry, [*rooms, *more])
