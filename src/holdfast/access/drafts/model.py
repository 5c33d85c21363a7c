"""The policy file: who may do what, as people write it down.

    {"path": "",
     "roles": [{"name": "deployer", "actions": ["pull", "list"], "description": "..."}],
     "groups": [{"name": "ops", "members": ["user:dora", "robot:shop+ci"], "description": "..."}],
     "grants": [{"subject": "group:ops", "role": "reader", "scope": "shop/**:prod-*"},
                {"subject": "group:developers", "deny": ["pull"], "scope": "shop/**:prod-*",
                 "conditions": {...}, "expires_at": "2027-01-01T00:00:00Z", "note": "..."}],
     "visibility": {"public": "public", "public/drafts": "private"}}

A section that is there says all that there is of its kind; one that is left out says nothing, and nothing of it is
compared or changed. With a `path` the file speaks of the grants that live at or below it, and of the visibility there;
roles and groups belong to the installation, and stand only in a file without a path. Conditions are written as in
policy/written.py. Numbers and makers are not in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from holdfast.access.errors import Invalid
from holdfast.access.grants.model import NewGrant
from holdfast.access.grants.service import Asked, check_grant
from holdfast.access.names import description_text, namespace_path
from holdfast.access.policy.model import BUILT_IN_ROLES, Action, Effect, Grant
from holdfast.access.policy.written import write_conditions

T = TypeVar("T")
MOST_GRANTS, MOST_GROUPS, MOST_MEMBERS, MOST_ROLES, MOST_PATHS = 20_000, 5_000, 20_000, 1_000, 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = {"public": True, "private": False}


class RoleLine(NamedTuple):
    """A custom role."""

    name: str
    actions: tuple[str, ...]
    description: str | None = None


class GroupLine(NamedTuple):
    """A local group; `members` are `user:NAME` and `robot:NAMESPACE+NAME`, sorted."""

    name: str
    members: tuple[str, ...]
    description: str | None = None


class GrantLine(NamedTuple):
    """A grant or deny; `conditions`: their JSON, '' none; `expires_at`: microseconds, 0 never. Two lines are the same
    grant when `same` is equal: a note makes no difference."""

    subject: str
    role: str | None
    deny: tuple[str, ...]
    scope: str
    conditions: str = ""
    expires_at: int = 0
    note: str = ""

    @property
    def same(self) -> tuple[object, ...]:
        """What tells one grant from another."""
        return self[:-1]

    @property
    def new(self) -> NewGrant:
        """The grant as it is asked for."""
        conditions = json.loads(self.conditions) if self.conditions else None
        return NewGrant(self.subject, self.scope, self.role, self.deny, conditions, self.expires_at, self.note)

    @property
    def said(self) -> str:
        """The grant as people say it."""
        what = f"--deny {','.join(self.deny)}" if self.role is None else self.role
        more = f" when {self.conditions}" if self.conditions else ""
        until = f" until {written_time(self.expires_at)}" if self.expires_at else ""
        return f"{self.subject} {what} {self.scope}{more}{until}"


class Draft(NamedTuple):
    """A policy. A section that is None is not spoken of. `visibility`: path -> whether it is public."""

    path: str = ""
    roles: tuple[RoleLine, ...] | None = None
    groups: tuple[GroupLine, ...] | None = None
    grants: tuple[GrantLine, ...] | None = None
    visibility: Mapping[str, bool] | None = None


def within(path: str, home: str) -> bool:
    """Whether what lives at `home` lives at or below `path`."""
    return not path or home == path or home.startswith(f"{path}/")


def read_draft(value: object) -> Draft:
    """The policy that parsed JSON (or TOML) says. Raises `Invalid` naming the field."""
    given = _object(value, "policy", ("path", "roles", "groups", "grants", "visibility"))
    path = _text(given.get("path", ""), "path", empty=True)
    if path:
        namespace_path(path)
        for section in ("roles", "groups"):
            if section in given:
                raise Invalid(section, f"{section} belong to the installation: leave them out of a file with a path")
    grants = _lines(given, "grants", MOST_GRANTS, lambda each, field: _grant(each, field, path))
    seen: set[tuple[object, ...]] = set()
    for i, grant in enumerate(grants or ()):
        if grant.same in seen:
            raise Invalid(f"grants.{i}", "this grant stands in the file twice")
        seen.add(grant.same)
    return Draft(
        path,
        _named(_lines(given, "roles", MOST_ROLES, _role), "roles"),
        _named(_lines(given, "groups", MOST_GROUPS, _group), "groups"),
        grants,
        _visibility(given.get("visibility"), path),
    )


def write_draft(draft: Draft) -> dict[str, object]:
    """The JSON that `read_draft` reads, sorted, so that two exports of one policy are equal."""
    written: dict[str, object] = {"path": draft.path}
    if draft.roles is not None:
        written["roles"] = [_written(role) for role in sorted(draft.roles)]
    if draft.groups is not None:
        written["groups"] = [_written(group) for group in sorted(draft.groups, key=lambda group: group.name)]
    if draft.grants is not None:
        order = sorted(draft.grants, key=lambda grant: tuple(map(str, grant)))
        written["grants"] = [_written_grant(grant) for grant in order]
    if draft.visibility is not None:
        words = {public: word for word, public in _WORDS.items()}
        written["visibility"] = {path: words[public] for path, public in sorted(draft.visibility.items())}
    return written


def line_of(grant: Grant) -> GrantLine:
    """A grant that stands, as a line."""
    denies = grant.effect is Effect.DENY
    conditions = write_conditions(grant.conditions)
    return GrantLine(
        grant.grantee.name,
        None if denies else grant.role,
        tuple(sorted(map(str, grant.actions))) if denies else (),
        grant.scope,
        _json(conditions) if conditions else "",
        grant.expires_at,
        grant.note,
    )


def asked_of(line: GrantLine) -> Asked:
    """A line as a grant that was checked by itself. Raises `Invalid`."""
    return check_grant(line.new)


def written_time(moment: int) -> str:
    """Microseconds as RFC 3339."""
    return (_EPOCH + timedelta(microseconds=moment)).isoformat().replace("+00:00", "Z")


def _role(value: object, field: str) -> RoleLine:
    given = _object(value, field, ("name", "actions", "description"))
    actions = _texts(given.get("actions"), f"{field}.actions", len(Action))
    known = set(map(str, Action))
    for action in actions:
        if action not in known:
            raise Invalid(f"{field}.actions", f"{action[:64]!r} is no action: {', '.join(Action)}")
    name = _text(given.get("name"), f"{field}.name")
    if name in BUILT_IN_ROLES:
        raise Invalid(f"{field}.name", f"{name!r} is built in: leave it out")
    return RoleLine(name, actions, _description(given))


def _group(value: object, field: str) -> GroupLine:
    given = _object(value, field, ("name", "members", "description"))
    name = _text(given.get("name"), f"{field}.name")
    if "/" in name:
        raise Invalid(f"{field}.name", "a provider's groups are made when its people sign in: leave them out")
    members = _texts(given.get("members", []), f"{field}.members", MOST_MEMBERS)
    for member in members:
        if not member.startswith(("user:", "robot:")):
            raise Invalid(f"{field}.members", f"{member[:64]!r} is no member: user:NAME or robot:NAMESPACE+NAME")
    return GroupLine(name, members, _description(given))


def _grant(value: object, field: str, path: str) -> GrantLine:
    given = _object(value, field, ("subject", "role", "deny", "scope", "conditions", "expires_at", "note"))
    line = GrantLine(
        _text(given.get("subject"), f"{field}.subject"),
        _text(given["role"], f"{field}.role") if given.get("role") is not None else None,
        _texts(given.get("deny") or [], f"{field}.deny", len(Action)),
        _text(given.get("scope"), f"{field}.scope"),
        _json(given["conditions"]) if given.get("conditions") else "",
        _time(given.get("expires_at"), f"{field}.expires_at"),
        _text(given.get("note", ""), f"{field}.note", empty=True),
    )
    try:
        asked = asked_of(line)
    except Invalid as error:
        raise Invalid(f"{field}.{error.field}", str(error)) from error
    if not within(path, asked.scope.home):
        raise Invalid(f"{field}.scope", f"{line.scope[:128]!r} does not live at or below {path!r}")
    conditions = write_conditions(asked.conditions)
    return line._replace(conditions=_json(conditions) if conditions else "")


def _visibility(value: object, path: str) -> dict[str, bool] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) > MOST_PATHS:
        raise Invalid("visibility", f"an object of at most {MOST_PATHS} paths, each 'public' or 'private'")
    for name, word in value.items():
        if not isinstance(name, str) or not isinstance(word, str) or word not in _WORDS:
            raise Invalid("visibility", f"{str(name)[:64]!r} is 'public' or 'private'")
        if name:
            namespace_path(name)
        if not within(path, name):
            raise Invalid("visibility", f"{name[:128]!r} does not lie at or below {path!r}")
    return {name: _WORDS[word] for name, word in value.items()}


def _lines(given: Mapping[str, Any], section: str, most: int, read: Callable[[object, str], T]) -> tuple[T, ...] | None:
    if section not in given:
        return None
    items = given[section]
    if not isinstance(items, list) or len(items) > most:
        raise Invalid(section, f"a list of at most {most}")
    return tuple(read(each, f"{section}.{i}") for i, each in enumerate(items))


def _named(lines: tuple[T, ...] | None, section: str) -> tuple[T, ...] | None:
    """The lines, no two of which have one name."""
    seen: set[str] = set()
    for line in lines or ():
        name: str = line.name  # type: ignore[attr-defined]
        if name in seen:
            raise Invalid(section, f"{name[:64]!r} stands in the file twice")
        seen.add(name)
    return lines


def _object(value: object, field: str, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid(field, f"an object of {', '.join(names)}")
    for name in value:
        if name not in names:
            raise Invalid(f"{field}.{str(name)[:64]}", f"there is no such field; known: {', '.join(names)}")
    return value


def _text(value: object, field: str, *, empty: bool = False) -> str:
    if not isinstance(value, str) or len(value) > 1024 or not (value or empty) or not value.isprintable():
        raise Invalid(field, "a text of one line")
    return value


def _texts(value: object, field: str, most: int) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > most:
        raise Invalid(field, f"a list of at most {most}")
    return tuple(sorted({_text(each, field) for each in value}))


def _description(given: Mapping[str, Any]) -> str | None:
    text = given.get("description")
    return description_text(_text(text, "description", empty=True)) if text is not None else None


def _time(value: object, field: str) -> int:
    if value is None:
        return 0
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(_text(value, field))
        return max(0, (found - _EPOCH) // timedelta(microseconds=1))
    except (ValueError, TypeError, OverflowError) as error:
        raise Invalid(field, "a time is written 2026-12-24T18:00:00Z") from error


def _written(line: RoleLine | GroupLine) -> dict[str, object]:
    """What is there of a line."""
    shown: dict[str, object] = {"name": line.name}
    shown |= {"actions": list(line.actions)} if isinstance(line, RoleLine) else {"members": list(line.members)}
    return shown | ({"description": line.description} if line.description else {})


def _written_grant(grant: GrantLine) -> dict[str, object]:
    shown: dict[str, object] = {"subject": grant.subject}
    shown |= {"deny": list(grant.deny)} if grant.role is None else {"role": grant.role}
    shown["scope"] = grant.scope
    if grant.conditions:
        shown["conditions"] = json.loads(grant.conditions)
    if grant.expires_at:
        shown["expires_at"] = written_time(grant.expires_at)
    if grant.note:
        shown["note"] = grant.note
    return shown


def _json(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise Invalid("conditions", "an object of networks, times, claims") from error
