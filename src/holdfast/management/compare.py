"""`/compare`: how two images differ."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query

from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Output
from holdfast.management.artifacts import LayerView, layer_view
from holdfast.oci.name import Tag, parse_image
from holdfast.registry.details.model import Compared
from holdfast.registry.details.service import Artifacts, Named

_Image = Query(max_length=512, description="`NAME[:TAG]` or `NAME@DIGEST`.")


class ComparedView(Output):
    """One of the two: its digest, and the image of it that was compared; `size`: of its layers, each counted once."""

    repository: str
    digest: str
    platform: str
    image: str
    size: int


class ComparedLayerView(Output):
    """A layer and which of the two has it."""

    side: Literal["both", "a", "b"]
    layer: LayerView


class ConfigDifferenceView(Output):
    """A field of configuration or annotations that differs; null: it is not there."""

    field: str
    a: str | None
    b: str | None


class ComparisonView(Output):
    """Two images compared. `size_delta`: bytes of layers that `b` has more."""

    a: ComparedView
    b: ComparedView
    size_delta: int
    layers: list[ComparedLayerView]
    differences: list[ConfigDifferenceView]


class CompareHandlers:
    """The operation that compares."""

    def __init__(self, access: Access, artifacts: Artifacts) -> None:
        self._access = access
        self._artifacts = artifacts

    async def compare_artifacts(
        self,
        caller: Asking,
        *,
        a: Annotated[str, _Image],
        b: Annotated[str, _Image],
        platform: Annotated[
            str | None, Query(max_length=128, description="Of indexes; without it one that both have.")
        ] = None,
    ) -> ComparisonView:
        """Compare two images: size, layers, configuration, annotations; for who may pull both."""
        permit = self._access.path(caller.who, "", caller.origin)
        found = await self._artifacts.compare(permit, _named(a), _named(b), platform)
        return ComparisonView(
            a=_compared(found.a),
            b=_compared(found.b),
            size_delta=found.b.size - found.a.size,
            layers=[ComparedLayerView(side=each.side.value, layer=layer_view(each.layer)) for each in found.layers],
            differences=[ConfigDifferenceView(field=each.field, a=each.a, b=each.b) for each in found.differences],
        )


def _named(text: str) -> Named:
    name, reference = parse_image(text)
    return Named(name, reference if reference is not None else Tag("latest"))


def _compared(side: Compared) -> ComparedView:
    return ComparedView(**side._asdict())


def compare_routes(access: Access, artifacts: Artifacts) -> Routes:
    """The routes of `/compare`."""
    on = CompareHandlers(access, artifacts)
    return routes("/compare", "artifacts", Route("GET", "", on.compare_artifacts))
