"""Whatever a repository is called, what is made for it has a name that the registry and Kubernetes take."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.connect.place import TARGETS

from holdfast.access.names import robot_name
from holdfast.cli.connect.account import Wanted, placeholder
from holdfast.cli.connect.engines import docker_config
from holdfast.cli.connect.kubernetes import object_name, secret_name

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORIES = st.from_regex(rf"{_PART}(?:/{_PART}){{0,4}}", fullmatch=True).filter(lambda name: len(name) <= 255)


@given(REPOSITORIES, st.sampled_from(TARGETS))
def test_robots(repository: str, target: str) -> None:
    wanted = Wanted(target, repository)
    namespace, _, name = placeholder(wanted).user.partition("+")
    assert namespace == (repository.rpartition("/")[0] or repository)
    assert robot_name(namespace, name.lower()).startswith(f"{namespace}+connect-{target}-")


@given(REPOSITORIES)
def test_secrets(repository: str) -> None:
    assert object_name(secret_name(repository), "--name")


@pytest.mark.parametrize("repository", ["a", "a__b/c--d", "x" * 255, f"{'y/' * 126}z"])
def test_the_edges(repository: str) -> None:
    name = placeholder(Wanted("kubernetes", repository)).user.partition("+")[2]
    assert len(name) <= 64
    assert re.fullmatch(r"connect-kubernetes-[a-z0-9-]+-XXXXXXXX", name)
    assert object_name(secret_name(repository), "--name")


def test_a_placeholder_is_no_credential() -> None:
    (login,) = json.loads(docker_config("r.example.com", placeholder(Wanted("docker", "a/b"))))["auths"].values()
    assert login == {"auth": "BASE64(a+connect-docker-b-XXXXXXXX:KEY)"}
