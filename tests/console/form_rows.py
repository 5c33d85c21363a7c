"""Every form of the console that one writes into: a value that each of its fields refuses, and what stands in the
others meanwhile. A route of a form that is in no table fails (test_forms.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

BELL = "\x07!"
"""What no field of one line takes."""
WRONG = "Not/A Name!"


class Written(NamedTuple):
    """A form that one writes into. `route`: where it goes, as in `ROWS`; `page`: where it stands; `bad`: field -> what
    it refuses; `given`: field -> what stands in it meanwhile, for those that would be blank, or choices that differ."""

    route: str
    page: str
    bad: Mapping[str, str]
    given: Mapping[str, str] = {}


def _both(suffix: str, page: str, bad: Mapping[str, str], given: Mapping[str, str] | None = None) -> list[Written]:
    """A form that repositories and namespaces have."""
    return [
        Written(f"/r/{{repository:name}}/-/{suffix}", f"/r/{{repository}}/-/{page}", bad, given or {}),
        Written(f"/n/{{namespace:name}}/-/{suffix}", f"/n/{{namespace}}/-/{page}", bad, given or {}),
    ]


_QUOTAS = {"quota-bytes": "much", "quota-tags": "many", "quota-warn": "often"}
_QUOTAS_GIVEN = {"quota-bytes": "3GiB", "quota-tags": "7", "quota-warn": "70%"}
_USE = {
    **dict.fromkeys(("learning", "together", "cool_down", "dead_after"), "long"),
    **dict.fromkeys(
        ("learned_days", "least_pulls", "least_repositories", "least_bytes", "least_refusals", "least_names"), "many"
    ),
}
_HOOK = {
    "url": "no URL",
    "name": "<b>",
    "repositories": WRONG,
    "tags": WRONG,
    "headers": "no header",
    "concurrency": "x",
}
_HOOK_GIVEN = {
    **{"url": "https://127.0.0.1:1/hook", "name": "kept", "repositories": "team/**", "tags": "v*"},
    **{"headers": "X-Kept: what-is-secret", "concurrency": "3"},
}
_PROVIDER = {"title": BELL, "client_id": "", "scopes": "", "name_claim": ""}
_PROVIDER_GIVEN = {"title": "Kept title", "client_id": "kept", "secret": "what-is-secret-of-the-client"}
FORMS: tuple[Written, ...] = (
    Written("/sign-in", "/sign-in", {"password": "what-is-secret-and-wrong"}, {"name": "reader"}),
    Written(
        "/access-requests/new",
        "/access-requests/new?action=pull&repository=team/app",
        {"repository": WRONG, "tag": WRONG, "note": BELL},
        {"action": "create-tag", "repository": "team/kept", "tag": "v9", "note": "Because it was kept"},
    ),
    Written("/access-requests/{id}/approve", "/access-requests/{request}", {"scope": WRONG}, {"days": "30"}),
    Written("/access-requests/{id}/decline", "/access-requests/{request}", {"reason": BELL}),
    Written("/invitation", "/invitation", {"code": "hfi_none"}),
    *_both(
        "access/grants/new",
        "access/grants/new",
        {
            **{"subject": WRONG, "repository": WRONG, "tag": WRONG, "ends_at": "soon", "networks": "home"},
            **{"start": "8", "end": "9", "zone": "Nowhere/Land", "not_before": "soon", "not_after": "late"},
            **{"windows": "at noon", "claims": "none", "note": BELL},
        },
        {
            **{"subject": "user:reader", "role": "writer", "repository": "team/kept", "tag": "v*", "note": "Kept"},
            **{"ends_at": "2036-01-01 10:00", "networks": "10.0.0.0/8", "start": "08:00", "end": "09:00"},
            **{"zone": "Europe/Zurich", "not_before": "2026-01-01 10:00", "not_after": "2036-01-01 10:00"},
            **{"windows": "mon-fri 08:00-18:00 Europe/Zurich", "claims": "sub=kept"},
        },
    ),
    *_both("access/group/add", "access/group?name={group}", {"member": WRONG}),
    *_both(
        "access/invitations/new",
        "access/invitations/new",
        {"scope": WRONG, "uses": "many", "note": BELL},
        {"role": "writer", "open": "1", "uses": "4", "days": "30", "note": "Kept note"},
    ),
    *_both(
        "access/robots/-/new",
        "access/robots/-/new",
        {"name": WRONG, "description": BELL},
        {"name": "kept", "description": "Kept description", "days": "30"},
    ),
    *_both("access/robots/{robot}/keys", "access/robots/ci", {"name": WRONG}, {"may": "reader", "days": "30"}),
    *_both("access/robots/{robot}/delete", "access/robots/ci/delete", {"name": "another"}),
    *_both(
        "access/federation/-/new",
        "access/federation/-/new",
        {"name": WRONG, "issuer": "none", "robot": "none", "claims": "none"},
        {"name": "kept", "issuer": "kept-issuer", "robot": "ci", "claims": "sub=kept"},
    ),
    Written(
        "/admin/users",
        "/admin/users/-/new",
        {"name": WRONG, "password": "secret-9", "display": BELL, "description": BELL},
        {
            **{"name": "kept", "password": "what-is-secret-of-kept", "display": "Kept Name"},
            **{"description": "Kept description"},
        },
    ),
    Written("/admin/users/{name}/password", "/admin/users/{user}", {"new": "secret-9"}),
    Written("/admin/users/{name}/delete", "/admin/users/{user}/delete", {"name": "another"}),
    Written(
        "/admin/groups",
        "/admin/groups",
        {"name": WRONG, "description": BELL},
        {"name": "kept", "description": "Kept description"},
    ),
    Written("/admin/groups/{group:name}/-/members", "/admin/groups/{group}", {"member": WRONG}),
    Written("/admin/groups/{group:name}/-/delete", "/admin/groups/{group}/-/delete", {"name": "another"}),
    Written(
        "/admin/sign-in",
        "/admin/sign-in/-/new",
        {"name": WRONG, "issuer": "nowhere", **_PROVIDER},
        {"name": "kept", "issuer": "https://127.0.0.1:1/kept", "groups_claim": "kept", **_PROVIDER_GIVEN},
    ),
    Written(
        "/admin/sign-in/{name}", "/admin/sign-in/{provider}", _PROVIDER, {"groups_claim": "kept", **_PROVIDER_GIVEN}
    ),
    Written("/admin/sign-in/{name}/remove", "/admin/sign-in/{provider}/remove", {"name": "another"}),
    Written("/me/profile", "/me", {"zone": "Nowhere/Land"}, {"theme": "dark", "density": "compact"}),
    Written(
        "/me/keys",
        "/me/keys",
        {"name": WRONG, "where": WRONG},
        {"name": "kept", "may": "reader", "days": "30", "where": "team/**"},
    ),
    Written(
        "/me/password",
        "/me/sign-in",
        {"old": "what-is-secret-and-wrong", "again": "what-is-secret-and-other"},
        {"old": "{password}", "new": "what-is-secret-from-now-on", "again": "what-is-secret-from-now-on"},
    ),
    Written("/me/password", "/me/sign-in", {"new": "secret-9"}, {"old": "{password}", "again": "secret-9"}),
    Written("/webhooks/new", "/webhooks/new?path={namespace}", _HOOK, _HOOK_GIVEN),
    Written(
        "/webhooks/new", "/webhooks/new?path={namespace}", {"template": "{{"}, {**_HOOK_GIVEN, "shape": "template"}
    ),
    Written("/webhooks/{webhook}/edit", "/webhooks/{webhook}/edit", _HOOK, _HOOK_GIVEN),
    Written(
        "/webhooks/{webhook}/edit",
        "/webhooks/{webhook}/edit",
        {"template": "{{", "content_type": BELL},
        {**_HOOK_GIVEN, "shape": "template", "template": '{"kept": 1}'},
    ),
    Written("/webhooks/{webhook}/delete", "/webhooks/{webhook}/delete", {"name": "another"}),
    Written("/webhooks/{webhook}/redeliver", "/webhooks/{webhook}/redeliver", {"since": "soon"}, {"days": ""}),
    Written(
        "/n/-/new", "/n/-/new", {"name": WRONG, "description": "\0"}, {"name": "team/kept", "description": "Kept text"}
    ),
    Written(
        "/n/{namespace:name}/-/new",
        "/n/{namespace}/-/new",
        {"name": WRONG, "description": "\0"},
        {"name": "team/kept", "description": "Kept text"},
    ),
    Written("/r/{repository:name}/-/describe", "/r/{repository}/-/describe", {"description": "\0"}),
    Written(
        "/r/{repository:name}/-/changes/{change}/start",
        "/r/{repository}/-/changes/{change}",
        {"name": BELL, "text": "\0"},
        {"name": "org.example.kept", "text": "Kept"},
    ),
    Written("/r/{repository:name}/-/changes/{change}/start", "/r/{repository}/-/changes/{promote}", {"target": WRONG}),
    Written(
        "/r/{repository:name}/-/changes/{change}/rename",
        "/r/{repository}/-/changes/{retag}",
        {"match": WRONG, "pattern": WRONG, "target": WRONG},
        {"match": "v*", "pattern": "r*", "target": "team/kept"},
    ),
    Written("/n/{namespace:name}/-/changes/{change}/start", "/n/{namespace}/-/changes/{delete}", {"typed": "another"}),
    *(
        Written(
            f"/r/{{repository:name}}/-/{of}/retag",
            f"/r/{{repository}}/-/{at}/retag",
            {"tag": WRONG, "repository": WRONG},
            {"tag": "kept", "repository": "team/kept"},
        )
        for of, at in (("tags/{tag}", "tags/{tag}"), ("digests/{digest}", "digests/{digest}"))
    ),
    Written(
        "/r/{repository:name}/-/tags/{tag}/annotate",
        "/r/{repository}/-/tags/{tag}/annotate",
        {"name": ""},
        {"text": "Kept"},
    ),
    Written(
        "/r/{repository:name}/-/digests/{digest}/annotate",
        "/r/{repository}/-/digests/{digest}/annotate",
        {"name": "", "tag": WRONG},
        {"name": "org.example.kept", "text": "Kept", "tag": "kept"},
    ),
    *_both(
        "settings/about",
        "settings/about",
        {"description": "\0", "labels": "none"},
        {"description": "Kept *text*\nof two lines", "labels": "kept=yes"},
    ),
    Written("/r/{repository:name}/-/settings/quotas", "/r/{repository}/-/settings/quotas", _QUOTAS, _QUOTAS_GIVEN),
    *(
        Written(
            route,
            page,
            {**_QUOTAS, "quota-repositories": "many"},
            {**_QUOTAS_GIVEN, "quota-repositories": "5"},
        )
        for route, page in (
            ("/n/{namespace:name}/-/settings/quotas", "/n/{namespace}/-/settings/quotas"),
            ("/admin/settings/quotas", "/admin/settings/quotas"),
        )
    ),
    *_both("settings/delete", "settings/delete", {"confirm": "another"}),
    *_both(
        "settings/{setting}",
        "settings/immutable",
        {"tags-0": WRONG, "except-0": WRONG, "tags-1": WRONG, "except-1": WRONG},
        {
            **{"tags-0": "v*", "except-0": "*-dev *-rc", "forbids-0": "move"},
            **{"tags-1": "r*", "except-1": "*-beta", "forbids-1": "delete"},
        },
    ),
    Written("/admin/settings/{setting}", "/admin/settings/window", {"value": "long"}, {"unit": "h"}),
    *_both("retention/rules", "retention/rules", {"schedule": "every day"}),
    *_both("unusual/tuning", "unusual/tuning", _USE, {"sensitivity": "high"}),
    Written("/unusual/tuning", "/unusual/tuning", _USE, {"sensitivity": "high"}),
    Written("/unusual/canaries", "/unusual/canaries", {"repository": WRONG}),
    Written(
        "/unusual/canaries",
        "/unusual/canaries",
        {"owner": "user:reader"},
        {"owner": "robot:team+ci", "key": "pipeline"},
    ),
    Written("/unusual/alerts/{alert}/close", "/unusual/alerts/{alert}", {"note": BELL}, {"how": "expect"}),
)
FREE: dict[tuple[str, str], str] = {
    **{
        (
            f"/{scope}/-/access/robots/{{robot}}/keys/{{key}}/{what}",
            "reason",
        ): "any text, of which the audit keeps a line"
        for scope in ("r/{repository:name}", "n/{namespace:name}")
        for what in ("slow", "suspend")
    },
    **{
        (f"/r/{{repository:name}}/-/{of}/annotate", "text"): "a value of an annotation is any text"
        for of in ("tags/{tag}", "digests/{digest}")
    },
    ("/admin/sign-in", "groups_claim"): "blank is one: its groups are not read",
    ("/admin/sign-in/{name}", "groups_claim"): "blank is one: its groups are not read",
    ("/admin/sign-in", "secret"): "any text: only the provider knows whether it is right",
    ("/admin/sign-in/{name}", "secret"): "any text: only the provider knows whether it is right",
    ("/webhooks/new", "content_type"): "read with a template alone: tried where a webhook is changed",
    ("/unusual/canaries", "key"): "refused together with whose it is: there is no such key of such a robot",
    ("/me/password", "username"): "not sent to be read: it tells managers of passwords whose it is",
    ("/sign-in", "name"): "refused together with the password",
}
"""Fields for which no value is bad."""
UNTIED = {("/sign-in", "password"): "one sentence for all causes: which of the two is wrong is not said"}
"""Errors that are of the form as a whole."""
FORGETS = {
    ("/webhooks/new", "headers"): "they may hold secrets",
    ("/webhooks/{webhook}/edit", "headers"): "they may hold secrets",
}
"""Fields that are blank again, though another one was wrong."""
APART: dict[str, str] = {
    **dict.fromkeys(
        ("/sign-in/-/code", "/me/second-factor/confirm", "/me/second-factor/disable", "/me/recovery-codes"),
        "asks for a code of an app that shows codes: test_second_factor.py",
    ),
    **{
        f"/{scope}/-/{of}": "asks for a name above 100 things alone: test_several.py, test_history.py, test_pages.py"
        for scope in ("r/{repository:name}", "n/{namespace:name}")
        for of in ("history/restore", "retention/plans/{plan}/apply")
    },
    "/n/-/changes/{change}/start": "asks for what is typed as below a namespace",
}
"""Routes of forms with a field that is there at times."""
