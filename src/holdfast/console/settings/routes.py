"""Every page of settings."""

from __future__ import annotations

from holdfast.access.grants.visibility import Visibility
from holdfast.console.settings.about import AboutPages
from holdfast.console.settings.pages import SettingsPages
from holdfast.console.settings.quotas import QuotaPages
from holdfast.console.settings.removal import RemovalPages
from holdfast.registry.namespaces.removal import Removal
from holdfast.registry.namespaces.repositories import Repositories
from holdfast.registry.namespaces.service import Namespaces
from holdfast.registry.namespaces.settings import SettingsTree
from holdfast.registry.quotas.managing import Quotas
from holdfast.web.frame import Frame
from holdfast.web.site import Route


def setting_routes(
    frame: Frame,
    settings: SettingsTree,
    *,
    quotas: Quotas,
    visibility: Visibility,
    namespaces: Namespaces,
    repositories: Repositories,
    removal: Removal,
) -> list[Route]:
    """The routes of settings; pages with a name of their own come before those of one setting."""
    return [
        *AboutPages(frame, namespaces, repositories).routes(),
        *QuotaPages(frame, settings, quotas).routes(),
        *RemovalPages(frame, removal).routes(),
        *SettingsPages(frame, settings, quotas, visibility, namespaces=namespaces, repositories=repositories).routes(),
    ]
