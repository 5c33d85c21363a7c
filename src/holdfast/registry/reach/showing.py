"""The permits of one repository, for use-cases that are given a permit by path: what the caller may not see is answered
like what is not there, whatever may be done to it."""

from __future__ import annotations

from holdfast.access.errors import Denied
from holdfast.access.model import PathPermit, PullPermit, PushPermit
from holdfast.oci.name import RepositoryName
from holdfast.registry.errors import RepositoryUnknown


def reading_in(permit: PathPermit, repository: RepositoryName) -> PullPermit:
    """The permit to read `repository`. Raises `RepositoryUnknown` where it may not be told, `Denied`."""
    if not permit.shows(repository):
        raise unseen(repository)
    return permit.pull(repository)


def writing_in(permit: PathPermit, repository: RepositoryName) -> PushPermit:
    """The permit to write to `repository`. Raises `RepositoryUnknown` where it may neither be written nor told,
    `Denied`."""
    try:
        return permit.push(repository)
    except Denied:
        if permit.shows(repository):
            raise
        raise unseen(repository) from None


def unseen(repository: RepositoryName) -> RepositoryUnknown:
    """What to say of a repository that is not there, or hidden."""
    return RepositoryUnknown("there is no such repository", name=repository)
