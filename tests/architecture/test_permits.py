"""Authorisation is an argument: `access` alone makes permits, and every use-case takes one first."""

from __future__ import annotations

import ast
import importlib
import inspect
import typing
from collections.abc import Callable
from typing import Any

import pytest
from tests.architecture.sources import sources

from holdfast.access.model import CatalogPermit, DeletePermit, PathPermit, Permit, PullPermit, PushPermit
from holdfast.registry.model import StoredBlob
from holdfast.registry.pull.service import Pull

PERMITS = {"Permit", "PullPermit", "PushPermit", "DeletePermit", "CatalogPermit", "PathPermit"}
USE_CASES = {
    "pull.service.Pull": PullPermit,
    "push.service.Push": PushPermit,
    "upload.service.Upload": PushPermit,
    "upload.mount.Mount": PushPermit,
    "deletion.service.Deletion": DeletePermit,
    "listing.service.Listing": PullPermit,
}
"""The use-cases that clients reach, and the permit that each takes."""
OF_PATHS = {
    "attention.service.Attention",
    "beginning.service.Beginning",
    "collect.asking.Collections",
    "collect.why.WhyKept",
    "details.looking.Looking",
    "details.service.Artifacts",
    "editing.service.Editing",
    "events.service.Events",
    "history.rollback.service.Rollback",
    "history.service.History",
    "history.undelete.service.Undelete",
    "ledger.service.Storage",
    "namespaces.removal.Removal",
    "namespaces.repositories.Repositories",
    "namespaces.service.Namespaces",
    "namespaces.settings.SettingsTree",
    "promotion.service.Promotion",
    "purge.service.Purge",
    "quotas.managing.Quotas",
    "scrub.seeing.Damages",
    "search.service.Search",
    "several.service.Several",
    "exporting.service.Exports",
}
"""The use-cases of those who manage: their permit is asked about each repository that they name."""
OTHERWISE = {"listing.service.Listing.catalog": CatalogPermit}
OF_JOBS = {"purge.service.Purge.end_all"}
NOT_FOR_CLIENTS = {
    "collect.service.Collect",
    "lastuse.service.LastUse",
    "rotation.service.Rotation",
    "scrub.service.Pace",
    "scrub.service.Scrub",
    "sweep.service.Sweep",
}
"""What runs for nobody: jobs, by schedules and by command. (Verify is a function, for whoever holds the machine.)"""

ASKED = {"effective.service.Effective", "reach.service.Reach"}
"""What use-cases ask, with the rights of their permit: it reads names of tags and ids, and gives no content away."""


def test_permits_are_made_in_access_alone() -> None:
    for source in sources():
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in PERMITS:
                assert source.room == "access", f"{source.place}:{node.lineno}"
            if name in ("replace", "structs_replace", "convert"):
                assert not any("permit" in ast.unparse(argument).lower() for argument in node.args), source.place


def found(name: str) -> type[Any]:
    module, _, kind = name.rpartition(".")
    made: type[Any] = getattr(importlib.import_module(f"holdfast.registry.{module}"), kind)
    return made


def methods(kind: type[Any]) -> list[Callable[..., Any]]:
    return [member for name, member in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("name", [*USE_CASES, *sorted(OF_PATHS)])
def test_a_use_case_takes_its_permit_first(name: str) -> None:
    members = methods(found(name))
    assert members
    for member in members:
        if f"{name}.{member.__name__}" in OF_JOBS:
            continue
        _, first, *_ = inspect.signature(member).parameters.values()
        wanted = OTHERWISE.get(f"{name}.{member.__name__}", USE_CASES.get(name, PathPermit))
        assert first.name == "permit", member.__qualname__
        assert first.default is inspect.Parameter.empty, "a permit has no default"
        assert typing.get_type_hints(member)["permit"] is wanted, member.__qualname__


def test_every_service_of_the_registry_is_listed() -> None:
    """A new use-case is added above, or to those that run for nobody, with a reason."""
    listed = set(USE_CASES) | OF_PATHS | NOT_FOR_CLIENTS | ASKED
    seen = set()
    for source in sources():
        if source.room != "registry" or not source.place.endswith(("service.py", "mount.py")):
            continue
        module = source.place.removeprefix("registry/").removesuffix(".py").replace("/", ".")
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                takes_database = any(
                    isinstance(part, ast.FunctionDef) and part.name == "__init__" and "db" in ast.unparse(part.args)
                    for part in node.body
                )
                if takes_database:
                    seen.add(f"{module}.{node.name}")
    assert seen <= listed
    assert all(map(found, listed))


def test_the_repository_comes_from_the_permit() -> None:
    """What was decided for one repository cannot be used on another."""
    for name in USE_CASES:
        for member in methods(found(name)):
            parameters = set(inspect.signature(member).parameters)
            assert not parameters & {"repository", "repo", "name_of_repository", "path"}, member.__qualname__


def test_a_permit_cannot_be_changed() -> None:
    for kind in (PullPermit, PushPermit, DeletePermit, CatalogPermit):
        assert kind.__struct_config__.frozen
        assert kind is CatalogPermit or issubclass(kind, Permit)
    for one, other in ((PullPermit, PushPermit), (PushPermit, DeletePermit), (PullPermit, DeletePermit)):
        assert not issubclass(one, other)
        assert not issubclass(other, one)


def test_content_is_given_away_only_as_what_a_pull_found() -> None:
    """Bytes, signed URLs and keys of files take what `Pull.blob` returned, which it does to who may read it."""
    makers = {
        source.place
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "StoredBlob"
    }
    assert makers == {"registry/pull/service.py"}
    for name in ("read", "stream", "link", "place"):
        hints = typing.get_type_hints(getattr(Pull, name))
        assert hints["permit"] is PullPermit
        assert hints["blob"] is StoredBlob


def test_every_look_up_of_a_pull_is_decided() -> None:
    """Between the statement that finds something and its use stands the question whether the reader may see it."""
    for name in ("manifest", "manifest_head", "blob", "blob_head"):
        text = inspect.getsource(getattr(Pull, name))
        assert text.index("self._sight.ask_") < text.index("self._db.one") < text.index("self._seen_"), name
        assert text.index("self._seen_") < text.index("prove("), name
