"""Subjects and permits, the values that carry a decision from `access` to the use-cases.

A permit is made by `holdfast.access.service.Access` alone. Every use-case of the registry takes one of the right class
first, and takes the repository from it: forgetting the check does not type-check, and what was decided for one
repository cannot be used on another.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from holdfast.oci.name import RepositoryName

UNCHECKED = -1
"""The policy version of a permit that no change of accounts can make stale (`--open`)."""


class Action(StrEnum):
    """What may be done with a repository, or with the registry as a whole."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"
    CATALOG = "catalog"


class Subject(NamedTuple):
    """Who asks. `id` is 0 for the anonymous subject."""

    id: int
    name: str

    @property
    def actor(self) -> str:
        """How the journal names the subject."""
        return f"user:{self.name}" if self.id else self.name


ANONYMOUS = Subject(0, "anonymous")


class Identity(NamedTuple):
    """A subject that was recognised, and the policy version at which that was true."""

    subject: Subject
    version: int


class Permit(msgspec.Struct, frozen=True, gc=False):
    """The right to do one kind of thing in one repository, decided at policy version `version`.

    `request` is the request id that the journal keeps beside what was done.
    """

    subject: Subject
    repository: RepositoryName
    version: int
    request: str


class PullPermit(Permit, frozen=True, gc=False):
    """May read. `may_push`: what this reader is told to be present is leased to it."""

    may_push: bool = False


class PushPermit(Permit, frozen=True, gc=False):
    """May upload blobs, put manifests and move tags."""


class DeletePermit(Permit, frozen=True, gc=False):
    """May delete tags, manifests and blobs."""


class CatalogPermit(msgspec.Struct, frozen=True, gc=False):
    """May list the repositories of the registry."""

    subject: Subject
    version: int
    request: str
