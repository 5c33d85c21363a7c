"""What is counted of who asks: log-ins, refusals, and how often somebody was known already."""

from __future__ import annotations

from holdfast.access.policy.model import Action
from holdfast.telemetry.family import Family, Kind, Label

LOGINS = Family(
    "holdfast_logins",
    "Log-ins that were decided: by password, key, token of another issuer, or sign-in.",
    Kind.COUNTER,
    (Label("outcome", ("succeeded", "failed")),),
)
REFUSALS = Family(
    "holdfast_refusals",
    "Requests that were refused for want of a right, by action; a challenge (401) is none.",
    Kind.COUNTER,
    (Label("action", tuple(map(str, Action))),),
)
IDENTITIES = Family(
    "holdfast_identities",
    "Requests whose credential was known from an earlier one (known), and those for which it was looked at (asked).",
    Kind.COUNTER,
    (Label("result", ("known", "asked")),),
)
