"""The management API's rows of the matrix: each operation, on what it is asked, and who may do it, by hand.

`rule` names who may: `signed in` everybody with a good credential; `self person` oneself; `own keys` whoever may have
some; `administrator`, `operator`; `manage team`, `manage or audit other`, ...: who has one of these rights there.
`refused`: the status for everybody else; but who `sees` the thing, by another rule, is told 403.
"""

from __future__ import annotations

from tests.security.matrix.features import OF_FEATURES
from tests.security.matrix.operation import Operation
from tests.security.matrix.roles import may
from tests.security.matrix.several import OF_SEVERAL
from tests.security.matrix.subjects import Subject

_T = "https://ci.example"
_CLAIMS = {"sub": "a-machine"}
_PROVIDER = {"name": "{new}", "issuer": "https://127.0.0.1:1", "client_id": "x"}
OPERATIONS: tuple[Operation, ...] = (
    *OF_FEATURES,
    Operation("show_me", "GET", "me", "signed in"),
    # users
    Operation("list_users", "GET", "users", "signed in"),
    Operation("create_user", "POST", "users", "administrator", {"name": "{new}", "password": "a long password"}, 201),
    Operation("show_user", "GET", "users/{user}", "administrator", refused=404),
    Operation("show_user", "GET", "users/{self}", "self person", refused=404),
    Operation("change_user", "PATCH", "users/{user}", "administrator", {"description": "x"}, refused=404),
    Operation("delete_user", "DELETE", "users/{user}", "administrator", None, 204, 404),
    Operation("disable_user", "POST", "users/{user}/disable", "administrator", refused=404),
    Operation("enable_user", "POST", "users/{user}/enable", "administrator", refused=404),
    Operation("set_password", "PUT", "users/{user}/password", "administrator", {"password": "another long one"}, 204),
    Operation("reset_second_factor", "DELETE", "users/{user}/second-factor", "administrator", None, 204, 404),
    # groups
    Operation("list_groups", "GET", "groups", "signed in"),
    Operation("create_group", "POST", "groups", "manage anywhere", {"name": "{new}"}, 201),
    Operation("show_group", "GET", "groups/{group}", "administrator", refused=404),
    Operation("delete_group", "DELETE", "groups/{group}", "administrator", None, 204, 404),
    Operation("list_members", "GET", "groups/{group}/members", "administrator", refused=404),
    Operation("add_member", "PUT", "groups/{group}/members/user:{user}", "administrator", None, 204, 404),
    Operation("remove_member", "DELETE", "groups/{group}/members/user:{user}", "administrator", None, 204, 404),
    # robots
    Operation("list_robots", "GET", "robots", "signed in"),
    Operation("create_robot", "POST", "robots", "manage team", {"namespace": "team", "name": "{new}"}, 201),
    Operation("create_robot", "POST", "robots", "manage other", {"namespace": "other", "name": "{new}"}, 201),
    Operation("show_robot", "GET", "robots/{robot}", "manage team", refused=404),
    Operation("change_robot", "PATCH", "robots/{robot}", "manage team", {"description": "x"}, refused=404),
    Operation("delete_robot", "DELETE", "robots/{robot}", "manage team", None, 204, 404),
    Operation("disable_robot", "POST", "robots/{robot}/disable", "manage team", refused=404),
    Operation("enable_robot", "POST", "robots/{robot}/enable", "manage team", refused=404),
    Operation("show_robot", "GET", "robots/{foreign}", "manage other", refused=404),
    Operation("delete_robot", "DELETE", "robots/{foreign}", "manage other", None, 204, 404),
    # keys
    Operation("list_keys", "GET", "keys", "signed in"),
    Operation("list_keys", "GET", "keys?owner=robot:{robot}", "manage team", refused=404),
    Operation("create_key", "POST", "keys", "own keys", {"name": "{new}"}, 201),
    Operation("create_key", "POST", "keys", "manage team", {"name": "{new}", "owner": "robot:{robot}"}, 201, 404),
    Operation("create_key", "POST", "keys", "manage other", {"name": "{new}", "owner": "robot:{foreign}"}, 201, 404),
    Operation(
        "create_key", "POST", "keys", "nobody", {"name": "{new}", "owner": "user:{user}"}, 201, 404, "administrator"
    ),
    Operation("show_key", "GET", "keys/robot:{keyed}/k", "manage team", refused=404),
    Operation("revoke_key", "DELETE", "keys/robot:{keyed}/k", "manage team", None, 204, 404),
    Operation("rotate_key", "POST", "keys/robot:{keyed}/k/rotate", "manage team", {}, refused=404),
    Operation("finish_key", "POST", "keys/robot:{keyed}/k/finish", "manage team", refused=404),
    Operation("suspend_key", "POST", "keys/robot:{keyed}/k/suspend", "manage team", {"reason": "x"}, refused=404),
    Operation("slow_key", "POST", "keys/robot:{keyed}/k/slow", "manage team", {"seconds": 60}, refused=404),
    Operation("resume_key", "POST", "keys/robot:{keyed}/k/resume", "manage team", refused=404),
    # roles
    Operation("list_roles", "GET", "roles", "signed in"),
    Operation("create_role", "POST", "roles", "manage anywhere", {"name": "{new}", "actions": ["pull"]}, 201),
    Operation("show_role", "GET", "roles/{role}", "manage anywhere", refused=404),
    Operation(
        "change_role", "PATCH", "roles/{role}", "administrator", {"actions": ["list"]}, 200, 404, "manage anywhere"
    ),
    Operation("delete_role", "DELETE", "roles/{role}", "administrator", None, 204, 404, "manage anywhere"),
    # grants
    Operation("list_grants", "GET", "grants", "signed in"),
    Operation(
        "add_grant",
        "POST",
        "grants",
        "manage team",
        {"subject": "user:{user}", "role": "reader", "scope": "team/**"},
        201,
    ),
    Operation(
        "add_grant",
        "POST",
        "grants",
        "manage other",
        {"subject": "user:{user}", "role": "reader", "scope": "other/**"},
        201,
    ),
    Operation(
        "add_grant", "POST", "grants", "administrator", {"subject": "user:{user}", "role": "reader", "scope": "**"}, 201
    ),
    Operation(
        "add_grant",
        "POST",
        "grants",
        "administrator",
        {"subject": "user:{user}", "role": "administrator", "scope": "**"},
        201,
    ),
    Operation(
        "add_grant",
        "POST",
        "grants",
        "manage team",
        {"subject": "user:{user}", "deny": ["pull"], "scope": "team/**:x-*"},
        201,
    ),
    Operation("show_grant", "GET", "grants/{grant}", "manage or audit team", refused=404),
    Operation("remove_grant", "DELETE", "grants/{grant}", "manage team", None, 204, 404, "audit team"),
    Operation("remove_grant", "DELETE", "grants/{foreign_grant}", "manage other", None, 204, 404, "audit other"),
    # access requests
    Operation("list_access_requests", "GET", "access-requests", "signed in"),
    Operation(
        "create_access_request",
        "POST",
        "access-requests",
        "self person",
        {"action": "administer", "repository": "{new}/app"},
        400,
    ),
    Operation("show_access_request", "GET", "access-requests/{request}", "manage team", refused=404),
    Operation("approve_access_request", "POST", "access-requests/{request}/approve", "manage team", {}, refused=404),
    Operation("decline_access_request", "POST", "access-requests/{request}/decline", "manage team", {}, refused=404),
    Operation("withdraw_access_request", "POST", "access-requests/{request}/withdraw", "nobody", refused=404),
    Operation("show_access_request", "GET", "access-requests/{foreign_request}", "manage other", refused=404),
    Operation(
        "approve_access_request", "POST", "access-requests/{foreign_request}/approve", "manage other", {}, refused=404
    ),
    # invitations
    Operation("list_invitations", "GET", "invitations", "signed in"),
    Operation("create_invitation", "POST", "invitations", "manage team", {"role": "reader", "scope": "team/**"}, 201),
    Operation("create_invitation", "POST", "invitations", "manage other", {"role": "reader", "scope": "other/**"}, 201),
    Operation("show_invitation", "GET", "invitations/{invitation}", "manage team", refused=404),
    Operation("revoke_invitation", "DELETE", "invitations/{invitation}", "manage team", None, 204, 404),
    Operation("revoke_invitation", "DELETE", "invitations/{foreign_invitation}", "manage other", None, 204, 404),
    Operation("look_at_invitation", "POST", "invitations/offered", "self person", {"code": "{code}"}),
    Operation("accept_invitation", "POST", "invitations/accepted", "self person", {"code": "{code}"}, 201),
    # visibility
    Operation("show_visibility", "GET", "visibility?path=team", "list or pull team", refused=404),
    Operation("set_visibility", "PUT", "visibility", "manage team", {"path": "team/x", "visibility": "private"}),
    Operation("set_visibility", "PUT", "visibility", "manage other", {"path": "other/x", "visibility": "private"}),
    Operation("set_visibility", "PUT", "visibility", "administrator", {"path": "", "visibility": "private"}),
    Operation("reset_visibility", "DELETE", "visibility?path=team/x", "manage team"),
    # why
    Operation(
        "explain", "GET", "why?subject=user:{user}&action=pull&repository=team/app", "manage or audit team", refused=404
    ),
    Operation(
        "explain",
        "GET",
        "why?subject=user:{user}&action=pull&repository=other/app",
        "manage or audit other",
        refused=404,
    ),
    Operation(
        "list_holders", "GET", "why/holders?action=pull&repository=team/app", "manage or audit team", refused=404
    ),
    # sessions
    Operation("list_sessions", "GET", "sessions", "signed in"),
    Operation("list_sessions", "GET", "sessions?account={user}", "administrator", refused=404),
    Operation("end_session", "DELETE", "sessions/{session}", "administrator", None, 204, 404),
    Operation("end_sessions", "DELETE", "sessions?account={user}", "administrator", refused=404, sees="limited key"),
    # federation and sign-in
    Operation("list_issuers", "GET", "issuers", "manage anywhere"),
    Operation(
        "add_issuer",
        "POST",
        "issuers",
        "administrator",
        {"name": "{new}", "iss": _T, "audience": "registry.example", "jwks": {"keys": []}},
        201,
    ),
    Operation("show_issuer", "GET", "issuers/{issuer}", "manage anywhere"),
    Operation("change_issuer", "PATCH", "issuers/{issuer}", "administrator", {"audience": "else.example"}),
    Operation("remove_issuer", "DELETE", "issuers/{issuer}", "administrator", None, 204),
    Operation("list_federation_rules", "GET", "federation/rules", "signed in"),
    Operation("show_federation_rule", "GET", "federation/rules/team/{rule}", "manage team", refused=404),
    Operation("remove_federation_rule", "DELETE", "federation/rules/team/{rule}", "manage team", None, 204, 404),
    Operation("list_providers", "GET", "providers", "administrator"),
    Operation("add_provider", "POST", "providers", "administrator", _PROVIDER, 400),
    Operation("change_provider", "PATCH", "providers/none", "administrator", {"title": "x"}, 404),
    Operation("test_provider", "POST", "providers/none/test", "administrator", done=404),
    Operation(
        "add_federation_rule",
        "POST",
        "federation/rules",
        "manage team",
        {"namespace": "team", "name": "{new}", "issuer": "{issuer}", "robot": "{robot}", "claims": _CLAIMS},
        201,
    ),
    Operation("test_federation", "POST", "federation/test", "manage anywhere", {"token": "no token"}),
    # jobs, collections
    Operation("explain_kept", "GET", f"why-kept?digest=sha256:{'0' * 64}", "signed in", done=404),
    Operation("start_collection", "POST", "collections", "operator", {"dry_run": True}, 202),
    Operation("list_jobs", "GET", "jobs", "signed in"),
    Operation("show_job", "GET", "jobs/{job}", "operator", refused=404),
    Operation("show_job", "GET", "jobs/999999999", "signed in", done=404),
    Operation("cancel_job", "POST", "jobs/999999999/cancel", "signed in", done=404),
    Operation("show_job_lines", "GET", "jobs/{job}/lines", "operator", refused=404),
    Operation("show_job_lines", "GET", "jobs/999999999/lines", "signed in", done=404),
    Operation("retry_job", "POST", "jobs/999999999/retry", "signed in", done=404),
    # audit, usage, policy
    Operation("list_audit", "GET", "audit", "audit grant"),
    Operation("list_audit", "GET", "audit?repository=team/app", "audit team"),
    Operation("list_audit", "GET", "audit?repository=other/app", "audit other"),
    Operation("show_audit_tail", "GET", "audit/tail", "audit everything"),
    Operation("check_audit", "POST", "audit/check", "audit everything", {}),
    Operation("check_audit_checkpoint", "POST", "audit/check-checkpoint", "audit everything", {"checkpoint": "x"}, 400),
    Operation("list_audit_keys", "GET", "audit/keys", "audit everything"),
    Operation("list_audit_segments", "GET", "audit/segments?sealed_before=2030-01-01T00:00:00Z", "audit everything"),
    Operation("list_audit_hashes", "GET", "audit/hashes", "audit everything"),
    Operation("drop_audit_segments", "POST", "audit/drop", "administrator", {"through": 1, "hash": "0" * 64}, 409),
    Operation("list_usage", "GET", "usage", "audit grant"),
    Operation("export_policy", "GET", "policy?path=team", "manage or audit team"),
    Operation("export_policy", "GET", "policy", "audit everything"),
    Operation("compare_policy", "POST", "policy/difference", "manage or audit team", {"path": "team"}),
    Operation("apply_policy", "PUT", "policy", "manage team", {"path": "team"}),
    Operation("apply_policy", "PUT", "policy", "administrator", {}),
    Operation("test_policy", "POST", "policy/test", "manage or audit team", {"policy": {"path": "team"}, "days": 1}),
    # quotas and storage
    Operation("show_quota", "GET", "quotas?path=team", "list team", refused=404),
    Operation("show_quota", "GET", "quotas?path=other", "list other", refused=404),
    Operation("show_quota", "GET", "quotas", "list everything", refused=404),
    Operation("list_quotas", "GET", "quotas/paths", "signed in"),
    Operation("set_quota", "PUT", "quotas", "operator", {"path": "team", "tags": 1000000}),
    Operation("set_quota", "PUT", "quotas", "operator", {"path": "", "tags": 1000000}),
    Operation("unset_quota", "DELETE", "quotas?path=team", "operator"),
    Operation("show_storage", "GET", "storage", "operator"),
    Operation("show_path_storage", "GET", "storage/path?path=team", "list team", refused=404),
    Operation("show_path_storage", "GET", "storage/path?path=other", "list other", refused=404),
    Operation("list_storage", "GET", "storage/repositories", "signed in"),
    Operation("show_storage_days", "GET", "storage/days", "operator"),
    Operation("show_storage_days", "GET", "storage/days?path=team", "list team", refused=404),
    Operation("show_largest_content", "GET", "storage/largest", "operator"),
    Operation("show_largest_content", "GET", "storage/largest?path=other", "list other", refused=404),
    Operation("count_storage", "POST", "storage/count", "operator", {}, 202),
    Operation("list_uploads", "GET", "uploads", "signed in"),
    Operation("cancel_upload", "DELETE", "uploads/0000-none", "signed in", done=404),
    Operation("list_damage", "GET", "damage", "operator"),
    # images
    Operation(
        "promote",
        "POST",
        "promotions",
        "pull+create team",
        {"source": "team/app:dev-1", "target": "team/app:dev-new", "dry_run": True},
        refused=404,
        sees="list or pull team",
    ),
    Operation(
        "promote",
        "POST",
        "promotions",
        "pull+create other",
        {"source": "open/app:dev-1", "target": "other/app:dev-new", "dry_run": True},
        refused=404,
        sees="list or pull other",
    ),
    *OF_SEVERAL,
    # events: whoever sees nothing of a place is shown nothing
    Operation("list_events", "GET", "events", "signed in"),
    Operation("list_events", "GET", "events?repository=team/app&order=newest", "signed in"),
    Operation("show_event", "GET", "events/1", "audit everything", refused=404),
    Operation("show_event", "GET", "events/999999999", "signed in", done=404),
    Operation("stream_events", "HEAD", "events/stream", "signed in"),
    # history
    Operation("list_history", "GET", "history?target=team/app", "list or pull team", refused=404),
    Operation("list_history", "GET", "history?target=other/app:dev-1", "list or pull other", refused=404),
    Operation("list_tags_at", "GET", "history/tags?repository=team/app", "list or pull team", refused=404),
    Operation(
        "list_differences",
        "GET",
        "history/differences?target=team/app&since=2024-01-01T00:00:00Z",
        "list or pull team",
        refused=404,
    ),
    Operation(
        "roll_back",
        "POST",
        "rollbacks",
        "list or pull team",
        {"target": "team/app:dev-1", "to": "2024-01-01T00:00:00Z", "dry_run": True},
        refused=404,
    ),
    Operation("list_deleted", "GET", "deleted?repository=team/app", "list or pull team", refused=404),
    Operation(
        "restore_deleted",
        "POST",
        "deleted/restore",
        "create team",
        {"reference": "team/app:dev-1"},
        409,
        404,
        "list or pull team",
    ),
    Operation("show_artifact", "GET", "repositories/{app}/artifacts/dev-1", "pull team", refused=404, sees="list team"),
    Operation(
        "show_artifact", "GET", "repositories/{other}/artifacts/dev-1", "pull other", refused=404, sees="list other"
    ),
    Operation(
        "annotate_artifact",
        "POST",
        "repositories/{app}/artifacts/dev-1/annotations",
        "pull+create team",
        {"remove": ["nothing"]},
        201,
        404,
        "list or pull team",
    ),
    Operation(
        "make_index",
        "POST",
        "repositories/{app}/indexes",
        "pull+create team",
        {"tag": "dev-index", "parts": ["dev-1"]},
        201,
        404,
        "list or pull team",
    ),
    Operation(
        "compare_artifacts",
        "GET",
        "compare?a=team/app:dev-1&b=team/app:dev-1",
        "pull team",
        refused=404,
        sees="list team",
    ),
    # tags, retention, inventories
    Operation("list_tags", "GET", "repositories/{shown}/tags", "list or pull team", refused=404),
    Operation("list_tags", "GET", "repositories/{hidden}/tags", "list or pull other", refused=404),
    Operation("show_retention", "GET", "retention?path=team", "list or pull team", refused=404),
    Operation("make_plan", "POST", "retention/plans", "settings team", {"path": "team"}, 202),
    Operation("make_plan", "POST", "retention/plans", "settings other", {"path": "other"}, 202),
    Operation("make_plan", "POST", "retention/plans", "administrator", {"path": ""}, 202),
    Operation("list_plans", "GET", "retention/plans", "signed in"),
    Operation("show_plan", "GET", "retention/plans/{plan}", "list settings team", refused=404),
    Operation("show_plan", "GET", "retention/plans/{foreign_plan}", "list settings other", refused=404),
    Operation("list_plan_items", "GET", "retention/plans/{plan}/items", "list settings team", refused=404),
    Operation("list_plan_items", "GET", "retention/plans/{foreign_plan}/items", "list settings other", refused=404),
    Operation("apply_plan", "POST", "retention/plans/{plan}/apply", "settings team", None, 202, 404, sees="list team"),
    Operation(
        "test_retention",
        "POST",
        "retention/test",
        "list settings team",
        {"repository": "team/app", "tag": "dev-1"},
        refused=404,
    ),
    Operation("import_retention", "POST", "retention/import", "signed in", {"document": "[]"}),
    Operation("list_inventories", "GET", "inventories", "signed in"),
    # settings, namespaces, repositories, purges
    Operation("show_settings", "GET", "settings?path=team", "list or pull team", refused=404),
    Operation("show_setting", "GET", "settings/window?path=team", "list or pull team", refused=404),
    Operation("set_setting", "PUT", "settings/window", "settings team", {"path": "team", "value": "30d"}),
    Operation("set_setting", "PUT", "settings/window", "settings other", {"path": "other", "value": "30d"}),
    Operation("set_setting", "PUT", "settings/window", "administrator", {"path": "", "value": "30d"}),
    Operation("reset_setting", "DELETE", "settings/window?path=team", "settings team"),
    Operation("list_namespaces", "GET", "namespaces", "signed in"),
    Operation("create_namespace", "POST", "namespaces", "settings team", {"path": "team/{new}"}, 201),
    Operation("create_namespace", "POST", "namespaces", "settings other", {"path": "other/{new}"}, 201),
    Operation("show_namespace", "GET", "namespaces/team", "list or pull team", refused=404),
    Operation("show_namespace", "GET", "namespaces/other", "list or pull other", refused=404),
    Operation(
        "change_namespace", "PATCH", "namespaces/team", "settings team", {}, refused=404, sees="list or pull team"
    ),
    Operation(
        "show_namespace_deletion",
        "GET",
        "namespaces/team/deletion",
        "delete team",
        refused=404,
        sees="list or pull team",
    ),
    Operation(
        "delete_namespace", "DELETE", "namespaces/{full}", "delete team", None, 202, 404, sees="list or pull team"
    ),
    Operation(
        "restore_namespace",
        "POST",
        "namespaces/{full}/restore",
        "delete team",
        None,
        202,
        404,
        sees="list or pull team",
    ),
    Operation("list_repositories", "GET", "repositories", "signed in"),
    Operation("list_deleted_repositories", "GET", "deleted-repositories", "signed in"),
    Operation("create_repository", "POST", "repositories", "make team", {"name": "team/{new}"}, 201),
    Operation("create_repository", "POST", "repositories", "make other", {"name": "other/{new}"}, 201),
    Operation("show_repository", "GET", "repositories/{app}", "list or pull team", refused=404),
    Operation("show_repository", "GET", "repositories/{other}", "list or pull other", refused=404),
    Operation(
        "change_repository", "PATCH", "repositories/{app}", "settings team", {}, refused=404, sees="list or pull team"
    ),
    Operation(
        "show_repository_deletion",
        "GET",
        "repositories/{app}/deletion",
        "delete team",
        refused=404,
        sees="list or pull team",
    ),
    Operation(
        "delete_repository", "DELETE", "repositories/{empty}", "delete team", None, 200, 404, sees="list or pull team"
    ),
    Operation(
        "restore_repository",
        "POST",
        "repositories/{gone}/restore",
        "delete team",
        {},
        refused=404,
        sees="list or pull team",
    ),
    Operation("list_purges", "GET", "purges", "purger"),
    Operation("show_purge_harm", "GET", "purges/harm?repository=team/app&reference=dev-1", "purger"),
    Operation(
        "purge", "POST", "purges", "purger", {"repository": "{app}", "reference": "none", "reason": "a test"}, 404
    ),
    Operation("lift_purge", "DELETE", "purges/sha256:" + "0" * 64, "purger", done=404),
    Operation("search", "GET", "search?q=app", "signed in"),
    Operation("end_current_session", "DELETE", "sessions/current", "signed in", done=404),
    Operation("show_provider", "GET", "providers/none", "administrator", done=404),
    Operation("remove_provider", "DELETE", "providers/none", "administrator", done=404),
)


def allowed(subject: Subject, rule: str) -> bool:
    """Whether `subject` may, by `rule`."""
    if rule == "nobody":
        return False
    if rule == "audit grant":  # is answered with what may be read, which may be nothing
        return any(role in grant.split() for grant in subject.grants for role in ("owner", "auditor", "administrator"))
    if rule == "audit everything":
        return may(subject.rules, "read-audit", "anything", "")
    if rule == "signed in":
        return subject.way != "none"
    if rule == "self person":
        return subject.way not in ("none", "robot")
    if rule == "limited key":  # is told so before anybody is looked for
        return subject.way == "narrow key"
    if rule == "own keys":
        return subject.way != "none"
    over = {"administrator": "administer", "operator": "operate", "purger": "purge"}
    if rule in over:
        return may(subject.rules, over[rule], "anything", "")
    actions, _, place = rule.rpartition(" ")
    words = {"manage": "manage-access", "audit": "read-audit", "list": "list", "pull": "pull", "create": "create-tag"}
    words |= {"settings": "settings", "delete": "delete-repository", "make": "create-repository"}
    if "+" in actions:  # all of them
        return all(may(subject.rules, words[word], f"{place}/anything", "dev-1") for word in actions.split("+"))
    places = ("team", "other") if place == "anywhere" else (place,)
    return any(
        may(subject.rules, words[word], f"{each}/anything", "dev-1")
        for word in actions.split()
        if word in words
        for each in places
    )


def status_of(subject: Subject, operation: Operation) -> int:
    """The status of the answer."""
    if not subject.good or subject.way == "none":
        return 401
    if allowed(subject, operation.rule):
        return operation.done
    return 403 if operation.sees and allowed(subject, operation.sees) else operation.refused
