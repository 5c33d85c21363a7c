"""Which text somebody writes: each field, the column that keeps it, and pages that must show it; and every column of
type text in which nobody's text can be, with why.

A new column of type text that is in no table fails (tests/browser/test_hostile.py): whoever adds it says who writes it,
and lays hostile text in it (hostile.py) where somebody does.
"""

from __future__ import annotations

from typing import NamedTuple


class Field(NamedTuple):
    """`key`: what hostile.py calls it. `kept`: `table.column`, or where else. `shown`: some pages that show it, as the
    administrator has them; none: only the raw document or nothing does."""

    key: str
    kept: str
    shown: tuple[str, ...]


_IMAGE = "/r/team/hostile/-/tags/v1"
_CONFIG = (f"{_IMAGE}?view=config", f"{_IMAGE}?view=raw", "/r/team/hostile/-/compare?a=v1&b=files")
_BLOB, _MANIFEST = "the config blob", "the manifest (body.data)"
FIELDS: tuple[Field, ...] = (
    # people, groups, robots, keys
    Field("display", "account.display", ("/admin/users", "/admin/users/hostile", "/audit")),
    Field("user.description", "account.description", ("/admin/users/hostile",)),
    Field("group.description", "user_group.description", ("/admin/groups", "/admin/groups/hostile-group")),
    Field("role.description", "role.description", ()),
    Field("robot.description", "account.description", ("/n/team/-/access/robots", "/n/team/-/access/robots/odd")),
    Field("grant.note", "access_grant.note", ("/n/team/-/access", "/r/team/app/-/access")),
    Field("key.why", "api_key.suspended_why", ("/n/team/-/access/robots/odd",)),
    Field("provider.display", "account.display", ("/admin/users", "/admin/users/alice")),
    Field("provider.subject", "account.provider_subject", ("/audit",)),
    Field("provider.group", "user_group.name", ("/admin/groups",)),
    Field("provider.title", "identity_provider.title", ("/admin/sign-in", "/admin/sign-in/odd")),
    Field("provider.claim", "identity_provider.groups_claim", ("/admin/sign-in", "/admin/users/alice")),
    Field("provider.claim", "account.groups_note", ("/admin/users/alice",)),
    Field("provider.client", "identity_provider.client_id", ("/admin/sign-in/odd",)),
    Field("provider.name", "identity_provider.name_claim", ("/admin/sign-in/odd",)),
    Field("audience", "issuer.audience", ("/audit",)),
    Field("claim", "federation_rule.claims", ("/n/team/-/access/federation", "/audit")),
    Field("use.claim", "access_use.claims", ()),
    Field("use.group", "access_use.groups", ()),
    # what is asked and offered
    Field("request.note", "access_request.note", ("/access-requests?view=decide", "/n/team/-/access/requests")),
    Field("request.reason", "access_request.reason", ()),
    Field("invitation.note", "invitation.note", ("/n/team/-/access/invitations",)),
    # namespaces, repositories, settings
    Field("description", "namespace.description", ("/n/team", "/r/team/app", "/r/team/app/-/settings")),
    Field("readme", "namespace.description", ("/r/team/hostile", "/r/team/hostile/-/describe")),
    Field("namespace.above", "namespace.description", ("/n", "/n/team/-/settings", "/n/team/-/settings/about")),
    Field("label", "label.value", ("/n/team/-/settings", "/n/team/-/settings/about")),
    Field("label.app", "label.value", ("/r/team/app/-/settings", "/r/team/app/-/settings/about")),
    Field("rule.name", "setting.value", ("/r/team/app/-/retention", "/r/team/app/-/retention/rules")),
    Field("rule.name", "retention_item.rule", ()),
    Field("rule.tried", "retention_plan.tried", ()),
    Field("purge.reason", "purged.reason", ("/audit",)),
    # what is pushed
    *(
        Field(key, _BLOB, _CONFIG)
        for key in (
            *("config.architecture", "config.author", "config.command", "config.directory", "config.entrypoint"),
            *("config.os", "config.port", "config.signal", "config.user", "config.variant", "config.volume"),
            *("env", "env.name", "env.secret", "label.name", "label.value"),
        )
    ),
    Field("layer.command", _BLOB, (_IMAGE, f"{_IMAGE}?view=raw")),
    Field("layer.empty", _BLOB, (_IMAGE, f"{_IMAGE}?view=raw")),
    Field("layer.comment", _BLOB, (f"{_IMAGE}?view=raw",)),
    Field("layer.author", _BLOB, (f"{_IMAGE}?view=raw",)),
    Field("history.created", _BLOB, (f"{_IMAGE}?view=raw",)),
    Field("annotation", _MANIFEST, (*_CONFIG, f"{_IMAGE}/annotate")),
    Field("annotation.name", _MANIFEST, (*_CONFIG, f"{_IMAGE}/annotate")),
    Field("annotation.url", _MANIFEST, (*_CONFIG, f"{_IMAGE}/annotate")),
    Field("layer.annotation", _MANIFEST, (f"{_IMAGE}?view=raw",)),
    Field("layer.annotated", _MANIFEST, (f"{_IMAGE}?view=raw",)),
    Field("file.title", _MANIFEST, ("/r/team/hostile/-/tags/files",)),
    Field("referrer.annotation", _MANIFEST, ("/r/team/hostile/-/tags/files?view=config",)),
    # what clients call themselves
    Field("agent", "insight_name.text", ("/r/team/hostile/-/insights/who", f"{_IMAGE}?view=pulls")),
    Field("agent.reader", "access_use.agent", ("/r/team/app/-/insights/who",)),
    Field("agent.key", "journal.origin", ("/audit",)),
    Field("agent.upload", "api_secret.used_agent", ("/n/team/-/access/robots/odd",)),
    Field("agent.upload", "upload.agent", ("/uploads", "/r/team/hostile/-/uploads")),
    Field("agent.browser", "web_session.agent", ("/me/sign-in",)),
    Field("agent.token", "refresh_token.used_agent", ("/me/sign-in",)),
    Field("token.client", "refresh_token.client", ("/me/sign-in",)),
    # what targets answer, detectors find and jobs say
    Field("webhook.template", "webhook.template", ()),
    Field("webhook.answer", "webhook_attempt.answer", ()),
    Field("webhook.body", "webhook_attempt.body", ()),
    Field("alert.finding", "unusual_alert.findings", ()),
    Field("alert.also", "unusual_alert.also", ()),
    Field("alert.note", "unusual_alert.note", ("/audit",)),
    Field("job.path", "job.data", ("/jobs",)),
    Field("job.error", "job.error", ("/jobs",)),
    Field("job.failed", "job.result", ()),
    Field("job.line", "job_line.text", ()),
    # what is asked for on pages, and done by jobs
    Field("change.text", "tag_change.wish", ("/r/team/hostile/-/tags/several?view=config",)),
    Field("change.why", "tag_change_item.why", ()),
    Field("agent.asked", "tag_change.origin", ()),
    Field("agent.asked", "list_file.origin", ()),
    Field("export.query", "list_file.query", ()),
    Field("export.why", "list_file.why", ()),
    # what the journal repeats
    Field("display", "journal.data", ("/audit",)),
)

_IDS = """
account.password account.verifier api_secret.hint arriving.id audit_checkpoint.kid audit_checkpoint.text
content.digest content.key doomed.key installation.uuid inventory_image.digest invitation.hint journal.request
moving_object.key moving_upload.key moving_upload.upload_id node.id refresh_token.proof schema_migration.checksum
segment.key signing_key.kid signing_key.public sweep_guard.nonce tag_change_item.before tag_change_item.now
tag_change_item.was upload.digest_so_far upload.id upload_body.upload_id upload_segment.key upload_segment.upload_id
use_process.id use_process.node
"""
_WORDS = """
access_grant.actions access_grant.conditions access_grant.role access_request.action access_request.given
access_use.action backup_hold.name event_cursor.name issuer.preset job.checkpoint job.dedupe job.kind job.worker
journal.kind ledger.what ledger_delta.what list_file.list mode.actor moving.origin moving.place
moving_constraint.definition moving_constraint.name moving_constraint.owner node.host node.kind node.version
profile.density profile.theme profile.zone quota_warning.what refresh_token.service retention_item.skipped
retention_plan.cause retention_plan.owner retention_schedule.cron role.actions schedule.cron schedule.name
schema_migration.name search_term.field secret.name setting.name signing_key.purpose tag.version_key tag_change.kind
unusual_alert.action unusual_alert.cause unusual_place.kind web_session.method
webhook.content_type webhook.shape webhook.why webhook_attempt.error webhook_attempt.request webhook_delivery.kind
"""
_NAMES = """
access_grant.home access_grant.made_over access_grant.repository access_grant.tag access_request.repository
access_request.tag access_use.reference access_use.repository account.name account.namespace api_key.limits
api_key.name arriving.repository canary.label canary.path federation_rule.name federation_rule.namespace
identity_provider.issuer identity_provider.name identity_provider.scopes insight_month.path insight_recent.name
insight_stored.path insight_traffic.path inventory.path inventory.source inventory_image.repository
inventory_image.tag invitation.home invitation.repository invitation.role invitation.tag issuer.discovery issuer.iss
issuer.name journal.path label.name label.path link.artifact_type link.media_type list_file.path namespace.path
quota_warning.path repository.path repository.was_path retention_item.name retention_plan.path retention_schedule.path
role.name search_name.suffix setting.path storage_day.path storage_figure.path storage_largest.path tag.name
tag_change.path tag_change_item.name tag_change_item.renamed tag_event.name tag_use.name unusual_alert.path
usage.parent usage.path usage_delta.path webhook.filter webhook.name webhook.path webhook.target webhook_delivery.path
"""
_WHO = """
access_grant.made_by access_request.decided_by access_use.credential access_use.network access_use.subject
account.made_by api_key.made_by api_key.suspended_by api_secret.used_from canary.made_by federation_rule.made_by
identity_provider.made_by inventory.told_by invitation.gone_by issuer.made_by journal.actor namespace.made_by
purged.actor refresh_token.used_from retention_plan.applied_by retention_plan.made_by role.made_by
unusual_alert.closed_by unusual_alert.credential unusual_alert.network unusual_alert.subject unusual_profile.subject
user_group.made_by web_session.address webhook.made_by
"""
OURS: dict[str, str] = {
    **dict.fromkeys(_IDS.split(), "made by the program: ids, hashes, digests, keys of objects"),
    **dict.fromkeys(_WORDS.split(), "words of the program, or of a list of its own, and what errors it tells"),
    **dict.fromkeys(_NAMES.split(), "names, paths, globs, addresses and types of media: checked, of few characters"),
    **dict.fromkeys(_WHO.split(), "subjects by their names, and addresses"),
}
"""Columns in which nobody's text can be."""
COPIES: dict[str, str] = {
    "arriving.agent": "what upload.agent has, while the body comes",
    "insight_platform.platform": "a platform that a config names, once a job has looked",
    "issuer.cached": "keys that the issuer published: no page shows them",
    "issuer.jwks": "keys that somebody pinned: no page shows them",
    "list_file_part.data": "what other tables have, as comma-separated values: tests/console/test_exports.py",
    "link.platforms": "platforms that configs name, once a job has looked",
    "mode.reason": "what the operator says by `holdfast read-only`, while it is: Laid.read_only",
    "retention_item.reason": "a sentence of the program about the rule",
    "search_term.said": "names and values of annotations and labels, once a job has looked",
    "search_term.term": "the same in lower case",
    "unusual_place.name": "names of clients, once the detector has looked",
    "use_feed.uses": "what was used, until the tellers have told it",
}
"""Columns that hold at times, or later, what another field has."""
