"""`/repositories/{name}/artifacts`, `/repositories/{name}/indexes`: what is inside an artifact, and new ones made of
what is stored."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Moment, Output, Segment
from holdfast.oci.image_config import ImageConfig
from holdfast.oci.name import RepositoryName, Tag, parse_reference
from holdfast.registry.details.model import Details, Image, Layer
from holdfast.registry.details.service import Artifacts, Named
from holdfast.registry.editing.service import MOST_PARTS, Annotate, Edited, Editing, MakeIndex

MOST_ANNOTATIONS = 500
Texts = dict[str, str]


class ConfigView(Output):
    """What the configuration of an image says, as it is written there; '' and empty lists where it says nothing."""

    created: str
    author: str
    user: str
    working_dir: str
    stop_signal: str
    entrypoint: list[str]
    command: list[str]
    env: list[str]
    ports: list[str]
    volumes: list[str]
    labels: dict[str, str]


class LayerView(Output):
    """A layer and the line of the history that made it; `empty`: the lines before it that made none; `shared`: whether
    other images of the repository use it, null where the caller may not pull all of the repository."""

    digest: str
    media_type: str
    size: int
    command: str
    created: str
    empty: list[str]
    shared: bool | None


class ImageView(Output):
    """An image. `config` null: it cannot be read; `after`: the lines of the history behind the last layer."""

    digest: str
    platform: str
    config: ConfigView | None
    layers: list[LayerView]
    after: list[str]


class PartView(Output):
    """A manifest that an index lists. `size`: with its blobs, null where it is not here; `attests`: the platform (or
    digest) of the part that it is an attestation of."""

    digest: str
    media_type: str
    platform: str
    size: int | None
    attests: str | None


class ReferrerView(Output):
    """Something that refers to `subject`: the artifact, a part of it, or another referrer. Nothing of it was checked:
    what is called a signature may be none. `tag`: it refers by this tag."""

    digest: str
    subject: str
    kind: Literal["signature", "sbom", "attestation", "other"]
    media_type: str
    artifact_type: str | None
    size: int
    pushed_at: Moment
    annotations: dict[str, str]
    tag: str | None


class ArtifactView(Output):
    """An artifact. `size`: of its manifest; `total`: of all that belongs to it, null where that is too much to count;
    `shared`: how much of that other artifacts of the repository use, null where the caller may not pull all of it;
    `image`: the one of the platform asked for, null where there is none."""

    repository: str
    digest: str
    media_type: str
    kind: Literal["image", "index", "artifact"]
    artifact_type: str | None
    subject: str | None
    size: int
    total: int | None
    shared: int | None
    pushed_at: Moment
    annotations: dict[str, str]
    tags: list[str]
    more_tags: bool
    parts: list[PartView]
    image: ImageView | None
    referrers: list[ReferrerView]
    more_referrers: bool


class GivenAnnotations(Input):
    """What changes; annotations that are not named stay. `tag`: what the result is called, without it as the reference
    if that is a tag."""

    put: Texts = Field(default_factory=dict, max_length=MOST_ANNOTATIONS)
    remove: list[str] = Field(default_factory=list, max_length=MOST_ANNOTATIONS)
    tag: str | None = Field(default=None, max_length=128)


class GivenIndex(Input):
    """Tags or digests of the repository; of an index among them its parts are taken."""

    tag: str = Field(max_length=128)
    parts: list[str] = Field(min_length=1, max_length=MOST_PARTS)
    annotations: Texts = Field(default_factory=dict, max_length=MOST_ANNOTATIONS)


class EditView(Output):
    """What was made. `was`: what it was made of, which stays pullable by its digest while its history is kept; null
    for an index. `tag`: what points to it now, null: nothing."""

    repository: str
    digest: str
    was: str | None
    tag: str | None
    size: int
    platforms: list[str]


class ArtifactHandlers:
    """The operations on artifacts."""

    def __init__(self, access: Access, artifacts: Artifacts, editing: Editing) -> None:
        self._access = access
        self._artifacts = artifacts
        self._editing = editing

    async def show_artifact(
        self,
        caller: Asking,
        repository: Segment,
        reference: Segment,
        platform: Annotated[
            str | None, Query(max_length=128, description="`linux/arm64/v8`; without it the usual one.")
        ] = None,
    ) -> ArtifactView:
        """Show what is inside an artifact, and what refers to it: for who may pull it."""
        name = RepositoryName.parse(repository)
        permit = self._access.path(caller.who, name, caller.origin)
        return artifact_view(await self._artifacts.show(permit, Named(name, parse_reference(reference)), platform))

    async def annotate_artifact(
        self, caller: Asking, repository: Segment, reference: Segment, given: GivenAnnotations
    ) -> EditView:
        """Make the same image or index with other annotations, by the rights of a pull and of a push."""
        name = RepositoryName.parse(repository)
        permit = self._access.path(caller.who, name, caller.origin)
        tag = Tag.parse(given.tag) if given.tag is not None else None
        wanted = Annotate(name, parse_reference(reference), given.put, given.remove, tag)
        return _edit_view(name, await self._editing.annotate(permit, wanted))

    async def make_index(self, caller: Asking, repository: Segment, given: GivenIndex) -> EditView:
        """Make an index over images of the repository, by the rights of a pull of each and of a push."""
        name = RepositoryName.parse(repository)
        permit = self._access.path(caller.who, name, caller.origin)
        parts = [parse_reference(part) for part in given.parts]
        wanted = MakeIndex(name, Tag.parse(given.tag), parts, given.annotations)
        return _edit_view(name, await self._editing.index(permit, wanted))


def artifact_view(found: Details) -> ArtifactView:
    """An artifact as the API shows it."""
    return ArtifactView(
        **{
            **found._asdict(),
            "kind": found.kind.value,
            "annotations": dict(found.annotations),
            "tags": list(found.tags),
            "parts": [PartView(**part._asdict()) for part in found.parts],
            "image": _image_view(found.image) if found.image is not None else None,
            "referrers": [
                ReferrerView(**{**each._asdict(), "kind": each.kind.value, "annotations": dict(each.annotations)})
                for each in found.referrers
            ],
        }
    )


def layer_view(layer: Layer) -> LayerView:
    """A layer as the API shows it."""
    return LayerView(**{**layer._asdict(), "empty": list(layer.empty)})


def _image_view(image: Image) -> ImageView:
    return ImageView(
        digest=image.digest,
        platform=image.platform,
        config=_config_view(image.config) if image.config is not None else None,
        layers=[layer_view(layer) for layer in image.layers],
        after=list(image.after),
    )


def _config_view(config: ImageConfig) -> ConfigView:
    return ConfigView(
        created=config.created,
        author=config.author,
        user=config.user,
        working_dir=config.working_dir,
        stop_signal=config.stop_signal,
        entrypoint=list(config.entrypoint),
        command=list(config.command),
        env=list(config.env),
        ports=list(config.ports),
        volumes=list(config.volumes),
        labels=dict(config.labels),
    )


def _edit_view(repository: str, made: Edited) -> EditView:
    return EditView(
        repository=repository,
        digest=made.digest,
        was=made.was,
        tag=made.tag,
        size=made.size,
        platforms=list(made.platforms),
    )


def artifact_routes(access: Access, artifacts: Artifacts, editing: Editing) -> Routes:
    """The routes of artifacts, below `/repositories`."""
    on = ArtifactHandlers(access, artifacts, editing)
    return routes(
        "/repositories",
        "artifacts",
        Route("GET", "/{repository}/artifacts/{reference}", on.show_artifact),
        Route("POST", "/{repository}/artifacts/{reference}/annotations", on.annotate_artifact, 201),
        Route("POST", "/{repository}/indexes", on.make_index, 201),
    )
