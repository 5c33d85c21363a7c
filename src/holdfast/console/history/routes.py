"""Every page of history."""

from __future__ import annotations

from holdfast.console.history.deleted import DeletedPages
from holdfast.console.history.pages import HistoryPages
from holdfast.console.history.restore import RestorePages
from holdfast.registry.history.rollback.service import Rollback
from holdfast.registry.history.service import History
from holdfast.registry.history.undelete.service import Undelete
from holdfast.registry.namespaces.removal import Removal
from holdfast.registry.namespaces.settings import SettingsTree
from holdfast.web.frame import Frame
from holdfast.web.site import Route


def history_routes(
    frame: Frame,
    settings: SettingsTree,
    *,
    history: History,
    rollback: Rollback,
    undelete: Undelete,
    removal: Removal,
) -> list[Route]:
    """The routes of what happened, what stood, and bringing it back."""
    return [
        *HistoryPages(frame, history, settings).routes(),
        *RestorePages(frame, history, rollback, settings).routes(),
        *DeletedPages(frame, undelete, removal, settings).routes(),
    ]
