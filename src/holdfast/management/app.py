"""The management API put together: every router, over the services that the program was built with."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.access.signin.providers import Providers
from holdfast.api.frame import Frame, Gate
from holdfast.management.me import me_routes
from holdfast.management.providers import provider_routes
from holdfast.telemetry.surface import Telemetry


@dataclass(frozen=True, slots=True)
class Managed:
    """The services that the API is a face of."""

    providers: Providers


def management_api(gate: Gate, telemetry: Telemetry, managed: Managed) -> Frame:
    """`/api/v1` as an ASGI application."""
    return Frame(gate, telemetry, [me_routes(), provider_routes(managed.providers)])
