"""The optional features of this program. Deleting a feature's folder and its line here leaves all else as it is."""

from __future__ import annotations

from holdfast.feature.model import Feature
from holdfast.insights.feature import INSIGHTS
from holdfast.retention.feature import RETENTION
from holdfast.unusual.feature import UNUSUAL
from holdfast.webhooks.feature import WEBHOOKS

FEATURES: tuple[Feature, ...] = (INSIGHTS, RETENTION, UNUSUAL, WEBHOOKS)
