"""The requests of the authorisation matrix: every route of `/v2` in every state of what it names, and what each is
answered when it may be done. What it takes to be allowed is said in expected.py."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.distribution.router import Endpoint

PRESENT = ("team/app", "other/app", "open/app")
ABSENT = "team/none"
NEVER = "team/never"
"""A repository that nobody ever makes."""
REPOSITORIES = (*PRESENT, ABSENT)
TAGS = ("dev-1", "prod-1")


_NOWHERE: tuple[str, ...] = ()


class Case(NamedTuple):
    """One request. `target`: with `{repo}` and the names of world.py in braces; `tag`: the tag it is about; `reached`:
    the tags that reach what it names by digest (() where it names nothing that is there); `rule`: the function of
    expected.py that knows what it takes; `body`: the name of a body of world.py; `kind`: of that body."""

    name: str
    endpoint: Endpoint
    method: str
    target: str
    rule: str
    tag: str = ""
    reached: tuple[str, ...] | None = None
    body: str = ""
    kind: str = ""


def _reads() -> list[Case]:
    cases: list[Case] = []
    for method in ("GET", "HEAD"):
        for tag in (*TAGS, "dev-9", "prod-9"):
            cases.append(
                Case(f"manifest {tag}", Endpoint.MANIFEST, method, f"/v2/{{repo}}/manifests/{tag}", "by_tag", tag)
            )
        for name, reached in (("dev", ("dev-1",)), ("prod", ("prod-1",)), ("nowhere", _NOWHERE)):
            target = f"/v2/{{repo}}/manifests/{{manifest_{name}}}"
            cases.append(Case(f"manifest by digest {name}", Endpoint.MANIFEST, method, target, "digest", "", reached))
        for name, reached in (("dev", ("dev-1",)), ("prod", ("prod-1",)), ("shared", TAGS), ("nowhere", _NOWHERE)):
            target = f"/v2/{{repo}}/blobs/{{layer_{name}}}"
            cases.append(Case(f"blob {name}", Endpoint.BLOB, method, target, "blob", "", reached))
        cases.append(Case("tags", Endpoint.TAGS, method, "/v2/{repo}/tags/list", "listing"))
        for name, reached in (("dev", ("dev-1",)), ("prod", ("prod-1",)), ("nowhere", _NOWHERE)):
            target = f"/v2/{{repo}}/referrers/{{manifest_{name}}}"
            cases.append(Case(f"referrers {name}", Endpoint.REFERRERS, method, target, "referrers", "", reached))
    cases.append(
        Case("range of a blob", Endpoint.BLOB, "GET", "/v2/{repo}/blobs/{layer_prod}", "blob", "", ("prod-1",), "range")
    )
    return cases


def _uploads() -> list[Case]:
    return [
        Case("start an upload", Endpoint.UPLOADS, "POST", "/v2/{repo}/blobs/uploads/", "upload"),
        Case(
            "a whole blob", Endpoint.UPLOADS, "POST", "/v2/{repo}/blobs/uploads/?digest={fresh}", "whole", body="fresh"
        ),
        *(
            Case(
                f"mount {name} of {source}",
                Endpoint.UPLOADS,
                "POST",
                f"/v2/{{repo}}/blobs/uploads/?mount={{layer_{name}}}&from={source}",
                "mount",
                source,
                reached,
            )
            for source in ("team/app", "other/app", NEVER)
            for name, reached in (("dev", ("dev-1",)), ("prod", ("prod-1",)), ("nowhere", _NOWHERE))
        ),
        Case("another's session", Endpoint.UPLOAD, "GET", "/v2/{repo}/blobs/uploads/{session}", "session"),
        Case("another's session", Endpoint.UPLOAD, "PATCH", "/v2/{repo}/blobs/uploads/{session}", "session", body="x"),
        Case(
            "another's session",
            Endpoint.UPLOAD,
            "PUT",
            "/v2/{repo}/blobs/uploads/{session}?digest={fresh}",
            "session",
            body="fresh",
        ),
        Case("another's session", Endpoint.UPLOAD, "DELETE", "/v2/{repo}/blobs/uploads/{session}", "session"),
    ]


def _manifests() -> list[Case]:
    return [
        *(
            Case(f"create {tag}", Endpoint.MANIFEST, "PUT", f"/v2/{{repo}}/manifests/{tag}", "create", tag, body="bare")
            for tag in ("dev-new", "prod-new")
        ),
        *(
            Case(
                f"overwrite {tag}", Endpoint.MANIFEST, "PUT", f"/v2/{{repo}}/manifests/{tag}", "move", tag, body="bare"
            )
            for tag in TAGS
        ),
        Case("put by digest", Endpoint.MANIFEST, "PUT", "/v2/{repo}/manifests/{bare}", "by_digest", body="bare"),
        *(
            Case(
                f"create {tag} by digest",
                Endpoint.MANIFEST,
                "PUT",
                f"/v2/{{repo}}/manifests/{{bare}}?tag={tag}",
                "create",
                tag,
                body="bare",
            )
            for tag in ("dev-new", "prod-new")
        ),
        *(
            Case(
                f"refer to {name}",
                Endpoint.MANIFEST,
                "PUT",
                f"/v2/{{repo}}/manifests/{{refer_{name}}}",
                "refer",
                "",
                reached,
                f"refer_{name}",
            )
            for name, reached in (("dev", ("dev-1",)), ("prod", ("prod-1",)))
        ),
        *(
            Case(f"delete {tag}", Endpoint.MANIFEST, "DELETE", f"/v2/{{repo}}/manifests/{tag}", "delete_tag", tag)
            for tag in ("dev-1", "prod-1", "dev-9", "prod-9")
        ),
        *(
            Case(
                f"delete {name} by digest",
                Endpoint.MANIFEST,
                "DELETE",
                f"/v2/{{repo}}/manifests/{{manifest_{name}}}",
                "delete_digest",
                "",
                reached,
            )
            for name, reached in (("dev", ("dev-1",)), ("prod", ("prod-1",)), ("nowhere", _NOWHERE))
        ),
        Case(
            "delete a used blob", Endpoint.BLOB, "DELETE", "/v2/{repo}/blobs/{layer_dev}", "delete_used", "", ("dev-1",)
        ),
        Case("delete no blob", Endpoint.BLOB, "DELETE", "/v2/{repo}/blobs/{layer_nowhere}", "delete_digest", "", ()),
        Case("no route", Endpoint.UNROUTED, "GET", "/v2/{repo}/nothing", "unrouted"),
    ]


CASES: tuple[Case, ...] = (*_reads(), *_uploads(), *_manifests())
EVERYWHERE: tuple[Case, ...] = (
    Case("ping", Endpoint.PING, "GET", "/v2/", "ping"),
    Case("catalog", Endpoint.CATALOG, "GET", "/v2/_catalog", "catalog"),
)
"""Requests that are about no repository."""
