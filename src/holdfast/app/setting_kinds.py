"""Every setting that a namespace or repository can carry. This is the only table of them."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.access.errors import Invalid
from holdfast.access.grants.visibility import PRIVATE
from holdfast.access.rights import PUBLIC, VISIBILITY
from holdfast.app.config import Settings
from holdfast.app.features import FEATURES
from holdfast.app.registry_settings import registry_settings
from holdfast.feature.model import Feature
from holdfast.registry.effective.kinds import SettingKind, Shape, switch_kind, window_kind
from holdfast.registry.immutability.service import KIND as IMMUTABLE
from holdfast.registry.lastuse.classes import KINDS as CLASSES
from holdfast.registry.pull.service import REDIRECT
from holdfast.registry.push.service import SPARSE_INDEXES
from holdfast.registry.quotas.model import KINDS as QUOTAS
from holdfast.registry.settings import RegistrySettings

_BUILT_IN = RegistrySettings()


def setting_kinds(settings: Settings, features: Sequence[Feature] = FEATURES) -> tuple[SettingKind, ...]:
    """The kinds, those of features among them, with what holds where no path says anything."""
    core = registry_settings(settings)
    return (
        window_kind(core.window, configured=core.window != _BUILT_IN.window),
        IMMUTABLE,
        *QUOTAS,
        switch_kind(
            SPARSE_INDEXES,
            "Whether an index may be pushed before all the manifests that it lists.",
            default=core.sparse_indexes,
            configured=core.sparse_indexes != _BUILT_IN.sparse_indexes,
            title="Sparse indexes",
        ),
        switch_kind(
            REDIRECT,
            "Whether pulls of large blobs may be sent to the bucket, where the registry does that at all.",
            default=True,
            title="Redirects to the bucket",
        ),
        SettingKind(
            VISIBILITY,
            "Whether everyone may pull without logging in.",
            "public or private",
            _read_visibility,
            str,
            PRIVATE,
            set_by="holdfast visibility set",
            title="Visibility",
            shape=Shape.CHOICE,
            choices=(PRIVATE, PUBLIC),
            words=str.capitalize,
        ),
        *CLASSES,
        *(kind for feature in features for kind in feature.settings),
    )


def _read_visibility(text: str) -> str:
    if text not in (PUBLIC, PRIVATE):
        raise Invalid("value", "public or private")
    return text
