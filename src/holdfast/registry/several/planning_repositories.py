"""What a change of several repositories would do to each."""

from __future__ import annotations

from holdfast.access.errors import Denied, Invalid, Unknown
from holdfast.access.grants.visibility import require_visibility
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.db.port import Database
from holdfast.oci.name import RepositoryName
from holdfast.registry.browsing.model import MOST_ROWS, Place, RepositoryFilter, RepositorySort
from holdfast.registry.browsing.repositories import RepositoryTable
from holdfast.registry.effective.service import prefixes_of
from holdfast.registry.immutability.service import rules_for
from holdfast.registry.namespaces.ending import held_back
from holdfast.registry.several import store
from holdfast.registry.several.model import MOST_REPOSITORIES, Item, Kind, Outcome, PickedRepositories, Planned

_PIECE = 500


class RepositoryPlans:
    """Looks at repositories before they are changed. One object a process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._table = RepositoryTable(db)

    async def look(self, permit: PathPermit, kind: Kind, picked: PickedRepositories) -> Planned:
        """What would become of each of these repositories, which lie at and below the permit's path ('': anywhere).
        Those that the caller may not be told of are left out. Raises `Unknown`, `Invalid`."""
        names = picked.names if picked.names is not None else await self._matching(permit, picked.wanted)
        chosen = sorted(set(map(RepositoryName.parse, names)))
        if len(chosen) > MOST_REPOSITORIES:
            raise Invalid("pick", f"these are more than {MOST_REPOSITORIES:,} repositories: take them in pieces")
        within = [name for name in chosen if _inside(permit.path, name) and permit.shows(name)]
        items: list[Item] = []
        for first in range(0, len(within), _PIECE):
            rows = await self._db.all(store.REPOSITORIES, paths=within[first : first + _PIECE])
            for row in sorted(rows, key=lambda each: each.path):
                why = await self._why(permit, kind, row)
                outcome = Outcome.STAYS if why else Outcome.WAITS
                before = None if kind is Kind.DELETE_REPOSITORY else said_of(permit, row.path)
                items.append(Item(row.path, f"{row.id}.{row.seq}", None, before, outcome, why))
        if not items and picked.names is not None:
            raise Unknown("none of these repositories is there in your sight")
        if not items:
            raise Invalid("pick", "no repository passes this filter")
        return Planned(0, 0, 0, items)

    async def _matching(self, permit: PathPermit, wanted: RepositoryFilter) -> list[str]:
        """The names of all repositories that pass the filter, or of one more than may be changed at once."""
        found: list[str] = []
        place = Place(RepositorySort.NAME, False, "", "", MOST_ROWS)
        while len(found) <= MOST_REPOSITORIES:
            page = await self._table.page(permit, wanted, place)
            found += [line.path for line in page.lines]
            if page.next is None:
                break
            place = place._replace(after=page.next)
        return found

    async def _why(self, permit: PathPermit, kind: Kind, row: store.RepositoryRow) -> str:
        """Why it would stay as it is; '': nothing is known against it."""
        if kind is not Kind.DELETE_REPOSITORY:
            public = kind is Kind.PUBLIC
            if permit.rights.is_public(row.path) == public:
                return f"it is {kind} already"
            try:
                require_visibility(permit, row.path, public, permit.here)
            except Denied as error:
                return str(error)
            return ""
        rights = permit.tags(Action.DELETE_REPOSITORY, row.path)
        if not rights.everything:
            return str(rights.refuse())
        held = await held_back(self._db, row.id, await rules_for(self._db, prefixes_of(row.path)))
        return str(held) if held is not None else ""


def said_of(permit: PathPermit, path: str) -> str:
    """What is said of the visibility of exactly this path: public, private, or '' nothing."""
    public = permit.rights.public.get(path)
    return "" if public is None else str(Kind.PUBLIC if public else Kind.PRIVATE)


def _inside(path: str, name: str) -> bool:
    return not path or name == path or name.startswith(f"{path}/")
