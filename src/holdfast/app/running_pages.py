"""The pages of what goes on: home, jobs, uploads, storage, audit, and who runs the registry."""

from __future__ import annotations

from holdfast.app.health import Health
from holdfast.console.audit import AuditPages
from holdfast.console.exports import ExportPages
from holdfast.console.groups import GroupPages
from holdfast.console.health import HealthPages
from holdfast.console.home import HomePages, Services
from holdfast.console.jobs import JobPages
from holdfast.console.sign_in_methods import SignInMethodPages
from holdfast.console.storage import StoragePages
from holdfast.console.uploads import UploadPages
from holdfast.console.users import UserPages
from holdfast.management.app import Managed
from holdfast.web.frame import Frame
from holdfast.web.site import Route


def running_routes(frame: Frame, managed: Managed, health: Health) -> list[Route]:
    """Every route of these pages."""
    home = Services(managed.attention, managed.soon_keys, managed.requests, managed.events, managed.storage)
    return [
        *HomePages(frame, home, health.ends).routes(),
        *JobPages(frame, managed.jobs).routes(),
        *UploadPages(frame, managed.uploads).routes(),
        *StoragePages(frame, managed.storage).routes(),
        *ExportPages(frame, managed.exports).routes(),
        *AuditPages(frame, managed.audit).routes(),
        *UserPages(frame, managed.users, managed.factors).routes(),
        *GroupPages(frame, managed.groups).routes(),
        *SignInMethodPages(frame, managed.providers, managed.groups).routes(),
        *HealthPages(frame, health.look).routes(),
    ]
