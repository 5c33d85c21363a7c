"""The core's settings, made of the program's."""

from __future__ import annotations

from datetime import timedelta

from holdfast.app.config import Settings
from holdfast.registry.settings import RegistrySettings


def registry_settings(settings: Settings) -> RegistrySettings:
    """The core's settings, in its units."""
    return RegistrySettings(
        lease=_us(settings.lease),
        grace=_us(settings.collect.grace),
        window=_us(settings.window),
        inline_limit=settings.storage.inline,
        reserve=settings.storage.reserve,
        upload_expire=_us(settings.uploads.expire),
        upload_sessions=settings.uploads.sessions,
        upload_streams=settings.uploads.streams,
        sparse_indexes=settings.manifests.sparse_indexes,
        page_limit=settings.pages.max,
    )


def _us(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)
