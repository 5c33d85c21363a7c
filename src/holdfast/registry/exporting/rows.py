"""What the rows of each list are: read page by page by the service that the pages of the list ask, with the permit of
who asked for the file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from holdfast.access.accounts.users import list_users
from holdfast.access.errors import Denied
from holdfast.access.model import Identity, PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.db.port import Database
from holdfast.journal.model import Origin
from holdfast.oci.name import RepositoryName
from holdfast.registry.browsing.model import MOST_ROWS as PAGE
from holdfast.registry.browsing.model import Place, RepositoryFilter, RepositoryType, TagFilter
from holdfast.registry.browsing.repositories import RepositoryTable
from holdfast.registry.browsing.tags import TagTable
from holdfast.registry.exporting.model import Listed, Wanted
from holdfast.registry.history.model import Cursor, Filter, What
from holdfast.registry.history.service import History
from holdfast.registry.history.targets import Target
from holdfast.registry.ledger.service import Asked, Storage
from holdfast.registry.objects import Objects

Cells = list[str | int]


class Asking(NamedTuple):
    """Who asks, with the rights of this moment."""

    who: Identity
    permit: PathPermit
    origin: Origin


class Piece(NamedTuple):
    """Some rows of a list; `next`: what the next piece is asked with, None: that was all."""

    rows: list[Cells]
    next: object


COLUMNS: Mapping[Listed, tuple[str, ...]] = {
    Listed.TAGS: (
        "tag", "digest", "media_type", "artifact_type", "platforms", "bytes", "pushed_at", "pushed_by", "pulled_at",
        "pulled_by", "immutable",
    ),
    Listed.REPOSITORIES: (
        "repository", "description", "visibility", "holds", "tags", "bytes", "frees", "pushed_at", "pulled_at",
    ),
    Listed.STORAGE: ("repository", "logical", "exclusive", "history", "pending", "growth"),
    Listed.USERS: ("name", "display", "description", "provider", "second_factor", "made_at", "signed_in_at", "state"),
    Listed.HISTORY: ("at", "repository", "tag", "change", "from", "to", "by", "request", "client"),
}  # fmt: skip


class Rows:
    """Reads lists. One object a run."""

    def __init__(self, db: Database, objects: Objects) -> None:
        self._db = db
        self._tags = TagTable(db, objects)
        self._repositories = RepositoryTable(db)
        self._storage = Storage(db)
        self._history = History(db)

    async def piece(self, asking: Asking, wanted: Wanted, at: object) -> Piece:
        """The rows of a list from `at` on (None: from its beginning). Raises what the service of the list raises."""
        match wanted.listed:
            case Listed.TAGS:
                return await self._tag_rows(asking, wanted, at)
            case Listed.REPOSITORIES:
                return await self._repository_rows(asking, wanted, at)
            case Listed.STORAGE:
                return await self._storage_rows(asking, wanted, at)
            case Listed.USERS:
                return await self._user_rows(asking, wanted, at)
            case Listed.HISTORY:
                return await self._history_rows(asking, wanted, at)

    async def _tag_rows(self, asking: Asking, wanted: Wanted, at: object) -> Piece:
        name = RepositoryName.parse(wanted.path)
        lines = await self._tags.page(asking.permit, name, TagFilter(**wanted.query), _place(wanted, at))  # type: ignore[arg-type]
        return Piece(
            [
                [
                    each.name, each.digest, each.media_type, each.artifact_type, " ".join(each.platforms), each.size,
                    _time(each.pushed_at), each.pushed_by or "", _time(each.pulled_at), each.pulled_by or "",
                    each.locked or each.held,
                ]
                for each in lines.found.lines
            ],
            lines.found.next,
        )  # fmt: skip

    async def _repository_rows(self, asking: Asking, wanted: Wanted, at: object) -> Piece:
        kind = wanted.query.get("kind")
        query = {**wanted.query, "kind": RepositoryType(str(kind)) if kind else None}
        found = await self._repositories.page(asking.permit, RepositoryFilter(**query), _place(wanted, at))  # type: ignore[arg-type]
        return Piece(
            [
                [
                    each.path, each.description, "public" if each.public else "private", str(each.kind),
                    _known(each.tags), _known(each.bytes), _known(each.frees), _time(each.pushed_at),
                    _time(each.pulled_at),
                ]
                for each in found.lines
            ],
            found.next,
        )  # fmt: skip

    async def _storage_rows(self, asking: Asking, wanted: Wanted, at: object) -> Piece:
        down, by_live = wanted.sort.startswith("-"), wanted.sort.endswith("size")
        found = await self._storage.growing(asking.permit, Asked(by_live, down, str(at or "")), PAGE)
        operates = asking.permit.system(Action.OPERATE)
        rows: list[Cells] = []
        for each in found.rows:
            figure = each.figure
            exclusive = figure.exclusive if operates else ""
            rows.append([figure.path, figure.live, exclusive, figure.history, figure.pending, _known(each.growth)])
        return Piece(rows, found.next)

    async def _user_rows(self, asking: Asking, wanted: Wanted, at: object) -> Piece:
        if not asking.permit.system(Action.ADMINISTER):
            raise Denied("only administrators list users", action=str(Action.ADMINISTER))
        await check_permit(self._db, asking.permit)
        found = await list_users(self._db, after=str(at or ""), limit=PAGE)
        text, state = str(wanted.query.get("text", "")), str(wanted.query.get("state", ""))
        rows: list[Cells] = []
        for user in found:
            enabled = "enabled" if user.disabled_at is None else "disabled"
            said = (user.name, user.display or "", user.description or "")
            if state in ("", enabled) and any(text in part.lower() for part in said):
                factor = "yes" if user.second_factor else "no"
                times = (_time(user.made_at), _time(user.signed_in_at or 0))
                rows.append([*said, user.provider or "", factor, *times, enabled])
        return Piece(rows, found[-1].name if len(found) == PAGE else None)

    async def _history_rows(self, asking: Asking, wanted: Wanted, at: object) -> Piece:
        query = dict(wanted.query)
        below = bool(query.pop("below", False))
        what = query.pop("what", None)
        asked = Filter(**{**query, "what": What(str(what)) if what else None})  # type: ignore[arg-type]
        after = at if isinstance(at, Cursor) else None
        found = await self._history.changes(asking.permit, Target(wanted.path, None, below), asked, after, PAGE)
        return Piece(
            [
                [
                    _time(each.at), each.repository, each.tag, str(each.what), each.was or "", each.now or "",
                    each.actor or "", each.request or "", each.client or "",
                ]
                for each in found.changes
            ],
            found.next,
        )  # fmt: skip


def _place(wanted: Wanted, at: object) -> Place:
    return Place(wanted.sort.removeprefix("-"), wanted.sort.startswith("-"), str(at or ""), "", PAGE)


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="seconds") if at else ""


def _known(value: int | None) -> str | int:
    return "" if value is None else value
