"""What the page of a refusal offers: why it is so, and a form to ask for what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from holdfast.access.errors import Denied, Unknown
from holdfast.access.policy.globs import GlobInvalid
from holdfast.access.policy.languages import Scope
from holdfast.access.policy.model import SYSTEM_ACTIONS, Action
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName
from holdfast.registry.errors import RepositoryUnknown
from holdfast.web.visit import Visit

EXPLAIN = "/explain"
ASK = "/access-requests/new"


def explain_href(detail: Mapping[str, object]) -> str:
    """The page that explains a refusal to whom it was refused, filled in; '' where nothing is to be explained.
    `detail`: of `Denied`."""
    fields = _fields(detail)
    return f"{EXPLAIN}?{urlencode(fields)}" if fields else ""


def ask_href(detail: Mapping[str, object]) -> str:
    """The form that asks for what was refused, filled in; '' where nobody can be asked."""
    fields = _fields(detail)
    if not fields.get("repository") or Action(fields["action"]) in SYSTEM_ACTIONS:
        return ""
    return f"{ASK}?{urlencode(fields)}"


def offered(visit: Visit, error: Exception) -> dict[str, object]:
    """What the page of a refusal says beside the refusal (web/site.py: More)."""
    if visit.session is None:
        return {}
    detail = _refused(visit, error)
    return {"explain": explain_href(detail), "ask": ask_href(detail)}


def _refused(visit: Visit, error: Exception) -> Mapping[str, object]:
    """What was refused. Of a name that is not there, or hidden, which nobody is to tell apart: to read it."""
    if isinstance(error, Denied):
        return error.detail
    name = visit.named.get("repository", "") or visit.named.get("namespace", "")
    if isinstance(error, RepositoryUnknown | Unknown) and name:
        return {"action": str(Action.PULL), "repository": name}
    return {}


def _fields(detail: Mapping[str, object]) -> dict[str, str]:
    """Action, repository and tag of a refusal, as far as they can be asked about."""
    action = str(detail.get("action", ""))
    if action not in set(Action):
        return {}
    if Action(action) in SYSTEM_ACTIONS:
        return {"action": action}
    repository = _named(str(detail.get("repository", "")))
    if not repository:
        return {}
    fields = {"action": action, "repository": repository}
    tag = detail.get("tag")
    return {**fields, "tag": tag} if isinstance(tag, str) and tag else fields


def _named(text: str) -> str:
    """The name that a glob begins with; '' where it begins with none."""
    try:
        return RepositoryName.parse(Scope(text).home)
    except (GlobInvalid, NameInvalid):
        return ""
