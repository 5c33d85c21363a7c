"""The rows of the pages of access (rows.py): most of them are there for repositories and for namespaces."""

from __future__ import annotations

_R, _N = "/r/{repository:name}/-/", "/n/{namespace:name}/-/"
_R_AT, _N_AT = "/r/{repository}/-/", "/n/{namespace}/-/"


def _both(method: str, suffix: str, seen_by: str, example: str = "") -> list[tuple[str, str, str, str]]:
    """A page that repositories and namespaces have."""
    return [
        (method, place + suffix, seen_by, at + example if example else "") for place, at in ((_R, _R_AT), (_N, _N_AT))
    ]


ACCESS_ROWS: list[tuple[str, str, str, str]] = [
    ("GET", "/explain", "person", "/explain?action=pull&repository={repository}&tag={tag}"),
    *_both("GET", "access", "lister", "access"),
    *_both("GET", "access/explain", "lister", "access/explain?action=create-tag&repository={repository}"),
    *_both("GET", "access/who", "auditor", "access/who?action=create-tag"),
    *_both("GET", "access/grants/new", "owner", "access/grants/new"),
    *_both("POST", "access/grants/new", "owner"),
    *_both("GET", "access/grants/{id}/remove", "owner", "access/grants/{grant}/remove"),
    *_both("POST", "access/grants/{id}/remove", "owner"),
    *_both("GET", "access/visibility", "owner", "access/visibility"),
    *_both("POST", "access/visibility", "owner"),
    *_both("GET", "access/group", "writer,owner,auditor,administrator", "access/group?name={group}"),
    *_both("POST", "access/group/add", "owner"),
    *_both("POST", "access/group/remove", "owner"),
    *_both("GET", "access/robots", "lister", "access/robots"),
    *_both("GET", "access/robots/-/new", "owner", "access/robots/-/new"),
    *_both("POST", "access/robots/-/new", "owner"),
    *_both("GET", "access/robots/{robot}", "owner", "access/robots/ci"),
    *_both("POST", "access/robots/{robot}/disable", "owner"),
    *_both("POST", "access/robots/{robot}/enable", "owner"),
    *_both("GET", "access/robots/{robot}/delete", "owner", "access/robots/ci/delete"),
    *_both("POST", "access/robots/{robot}/delete", "owner"),
    *_both("POST", "access/robots/{robot}/keys", "owner"),
    *_both("GET", "access/robots/{robot}/keys/{key}", "owner", "access/robots/ci/keys/{key}"),
    *_both("POST", "access/robots/{robot}/keys/{key}/rotate", "owner"),
    *_both("POST", "access/robots/{robot}/keys/{key}/finish", "owner"),
    *_both("POST", "access/robots/{robot}/keys/{key}/slow", "owner"),
    *_both("POST", "access/robots/{robot}/keys/{key}/suspend", "owner"),
    *_both("POST", "access/robots/{robot}/keys/{key}/resume", "owner"),
    *_both("POST", "access/robots/{robot}/keys/{key}/revoke", "owner"),
    *_both("GET", "access/federation", "lister", "access/federation"),
    *_both("GET", "access/federation/-/new", "owner", "access/federation/-/new"),
    *_both("POST", "access/federation/-/new", "owner"),
    *_both("GET", "access/federation/{rule}/remove", "owner"),
    *_both("POST", "access/federation/{rule}/remove", "owner"),
    ("GET", "/access-requests", "person", "/access-requests?view=decide"),
    ("GET", "/access-requests/new", "person", "/access-requests/new?action=pull&repository={repository}"),
    ("POST", "/access-requests/new", "person", ""),
    ("GET", "/access-requests/{id}", "stranger,owner,administrator", "/access-requests/{request}"),
    ("POST", "/access-requests/{id}/approve", "owner", ""),
    ("POST", "/access-requests/{id}/decline", "owner", ""),
    ("POST", "/access-requests/{id}/withdraw", "stranger", ""),
    *_both("GET", "access/requests", "lister", "access/requests"),
    *_both("GET", "access/invitations", "lister", "access/invitations"),
    *_both("GET", "access/invitations/new", "owner", "access/invitations/new"),
    *_both("POST", "access/invitations/new", "owner"),
    *_both("GET", "access/invitations/{id}/revoke", "owner", "access/invitations/{invitation}/revoke"),
    *_both("POST", "access/invitations/{id}/revoke", "owner"),
    ("GET", "/invitation", "everyone", "/invitation"),
    ("POST", "/invitation", "person", ""),
    ("POST", "/invitation/accept", "person", ""),
]
"""Method, path, seen by, example."""
