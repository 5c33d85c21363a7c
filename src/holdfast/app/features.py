"""The optional features of this program. Deleting a feature's folder and its line here leaves all else as it is."""

from __future__ import annotations

from holdfast.feature.model import Feature
from holdfast.retention.feature import RETENTION

FEATURES: tuple[Feature, ...] = (RETENTION,)
