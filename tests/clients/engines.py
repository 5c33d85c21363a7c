"""Docker engines and containerds of the client tests: one daemon a kind and session, and the client of each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.clients.daemons import Daemon, containerd, dockerd
from tests.clients.programs import INSTALLED, SYSTEM, UNSTABLE, Client, Workshop, find

CLASSIC, NEW, NEW_STORE = "docker 20.10", "docker 28", "docker 28 containerd"
OLD_CONTAINERD, NEW_CONTAINERD = "containerd 1.6", "containerd 2.3"
CONTAINERDS = (OLD_CONTAINERD, NEW_CONTAINERD)
ENGINES = (CLASSIC, NEW, NEW_STORE)


@dataclass(frozen=True, slots=True)
class Engine:
    """A running dockerd of one kind."""

    kind: str
    daemon: Daemon

    @property
    def unstable(self) -> bool:
        """Tell whether it comes from Debian's unstable suite."""
        return self.kind != CLASSIC

    def client(self, workshop: Workshop, *, login: bool = True) -> Client:
        """Give a docker client of this engine's own version with a private configuration, buildx included."""
        socket = f"unix://{self.daemon.socket}"
        client: Client = workshop(
            "docker",
            *("-H", socket),
            unstable=self.unstable,
            system=not self.unstable,
            login=login,
            DOCKER_CLI_EXPERIMENTAL="enabled",
            DOCKER_BUILDKIT="1" if self.unstable else "0",
        )
        if self.unstable:
            plugins = client.home / ".docker" / "cli-plugins"
            plugins.mkdir()
            (plugins / "docker-buildx").symlink_to(unstable_program("docker-buildx"))
        return client


def unstable_program(name: str) -> Path:
    """Give a program of unstable's packages; another version from PATH will not do: skip the test."""
    for place in UNSTABLE:
        if (place / name).exists():
            return place / name
    pytest.skip(f"{name} of Debian's unstable suite is not on this machine: run `make tools`")


@contextlib.contextmanager
def engine_of(kind: str, *flags: str) -> Iterator[Engine]:
    """Run an engine of this kind until the block is left; skip the test when it cannot be had."""
    program = find("dockerd", *SYSTEM) if kind == CLASSIC else unstable_program("dockerd")
    features = {"containerd-snapshotter": True} if kind == NEW_STORE else None
    storage = () if kind == NEW_STORE else ("--storage-driver", "vfs")
    with dockerd(program, *storage, *flags, features=features) as daemon:
        yield Engine(kind, daemon)


@dataclass(frozen=True, slots=True)
class Containerd:
    """A running containerd of one kind."""

    kind: str
    daemon: Daemon

    @property
    def ctr(self) -> Path:
        """Give the `ctr` of this containerd's own version."""
        return find("ctr", *SYSTEM) if self.kind == OLD_CONTAINERD else installed_program("ctr")

    def client(self, workshop: Workshop) -> Client:
        """Give a `ctr` that talks to this containerd and has no credentials of its own."""
        place = ("--address", str(self.daemon.socket), "--namespace", "tests")
        client = workshop("ctr", *place, login=False)
        client.path = self.ctr
        return client


def installed_program(name: str) -> Path:
    """Give a program that `make tools` built; another version from PATH will not do: skip the test."""
    for place in INSTALLED:
        if (place / name).exists():
            return place / name
    pytest.skip(f"{name} of the pinned version is not on this machine: run `make tools`")


@contextlib.contextmanager
def containerd_of(kind: str) -> Iterator[Containerd]:
    """Run a containerd of this kind until the block is left; skip the test when it cannot be had."""
    program = find("containerd", *SYSTEM) if kind == OLD_CONTAINERD else installed_program("containerd")
    with containerd(program) as daemon:
        yield Containerd(kind, daemon)
