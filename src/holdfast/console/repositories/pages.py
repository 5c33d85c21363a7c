"""The pages of repositories and tags, put together."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.console.repositories import changes, lists, overview, several, tags
from holdfast.registry.browsing.repositories import RepositoryTable
from holdfast.registry.browsing.tags import TagTable
from holdfast.registry.namespaces.repositories import Repositories
from holdfast.registry.namespaces.settings import SettingsTree
from holdfast.registry.several.service import Several
from holdfast.web.frame import Frame
from holdfast.web.site import Route


class ListServices(NamedTuple):
    """What the pages stand on."""

    table: RepositoryTable
    tags: TagTable
    repositories: Repositories
    settings: SettingsTree
    several: Several


def repository_routes(frame: Frame, on: ListServices) -> list[Route]:
    """Every route of these pages."""
    return [
        *lists.ListPages(frame, lists.Services(on.table, on.repositories, on.several)).routes(),
        *overview.OverviewPages(frame, overview.Services(on.table, on.tags, on.settings, on.repositories)).routes(),
        *tags.TagPages(frame, tags.Services(on.table, on.tags, on.several)).routes(),
        *changes.ChangePages(frame, on.several.seen).routes(),
        *several.SeveralPages(frame, several.Services(on.several, on.settings, on.table)).routes(),
    ]
