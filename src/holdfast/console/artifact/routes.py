"""Every page of an artifact, put together."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.access.usage.service import Usage
from holdfast.console.artifact.changing import ChangePages
from holdfast.console.artifact.changing import Services as Changing
from holdfast.console.artifact.chart import Charts
from holdfast.console.artifact.comparing import ComparePages
from holdfast.console.artifact.comparing import Services as Comparing
from holdfast.console.artifact.deleting import DeletePages
from holdfast.console.artifact.deleting import Services as Deleting
from holdfast.console.artifact.gone import GonePages
from holdfast.console.artifact.gone import Services as Returning
from holdfast.console.artifact.pages import ArtifactPages
from holdfast.console.artifact.pages import Services as Looks
from holdfast.registry.deletion.service import Deletion
from holdfast.registry.details.looking import Looking
from holdfast.registry.details.service import Artifacts
from holdfast.registry.editing.service import Editing
from holdfast.registry.history.service import History
from holdfast.registry.history.undelete.service import Undelete
from holdfast.registry.promotion.service import Promotion
from holdfast.web.frame import Frame
from holdfast.web.site import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactServices:
    """What the pages of artifacts stand on."""

    looking: Looking
    artifacts: Artifacts
    editing: Editing
    promotion: Promotion
    deletion: Deletion
    undelete: Undelete
    history: History
    usage: Usage


def artifact_routes(frame: Frame, services: ArtifactServices) -> list[Route]:
    """The page of an artifact, what can be done with it, and two compared."""
    looking, history = services.looking, services.history
    gone = GonePages(frame, Returning(services.undelete, history))
    return [
        *ArtifactPages(frame, Looks(looking, services.usage, history), gone, Charts(looking)).routes(),
        *gone.routes(),
        *DeletePages(frame, Deleting(looking, services.deletion)).routes(),
        *ChangePages(frame, Changing(looking, services.promotion, services.editing)).routes(),
        *ComparePages(frame, Comparing(services.artifacts, history)).routes(),
    ]
