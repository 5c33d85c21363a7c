"""Whose credentials go where, and what registries ask for."""

from __future__ import annotations

import pytest

from holdfast.cli.exchange.challenge import Challenge, challenges, may_know
from holdfast.cli.exchange.reference import parse_reference
from holdfast.oci.errors import Invalid


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ('Basic realm="x"', [Challenge("basic", "x")]),
        (
            'Bearer realm="https://a.example/t",service="s",scope="repository:x:pull"',
            [Challenge("bearer", "https://a.example/t", "s")],
        ),
        (
            'Bearer realm="https://a.example/t", service="s", Basic realm="b"',
            [Challenge("bearer", "https://a.example/t", "s"), Challenge("basic", "b")],
        ),
        ('bearer realm="a\\"b"', [Challenge("bearer", 'a"b')]),
        ("Bearer realm=plain,service=s", [Challenge("bearer", "plain", "s")]),
        ("=====", []),
    ],
)
def test_challenges(header: str, expected: list[Challenge]) -> None:
    assert challenges(header) == expected


@pytest.mark.parametrize(
    ("base", "realm", "known"),
    [
        ("https://a.example", "https://a.example/token", True),
        ("https://a.example:5000", "https://a.example:5000/token", True),
        ("https://a.example", "https://a.example:8443/token", False),
        ("https://a.example", "http://a.example/token", False),
        ("https://a.example", "https://auth.a.example/token", False),
        ("https://a.example", "https://a.example.evil.example/token", False),
        ("https://registry-1.docker.io", "https://auth.docker.io/token", True),
        ("https://registry-1.docker.io", "http://auth.docker.io/token", False),
        ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth", True),
        ("https://other.example", "https://auth.docker.io/token", False),
    ],
)
def test_credentials_go_to_the_registry_and_its_own_token_service(base: str, realm: str, known: bool) -> None:
    assert may_know(base, realm) is known


@pytest.mark.parametrize(
    ("text", "local", "expected"),
    [
        ("alpine", False, "docker.io/library/alpine"),
        ("org/app:1", False, "docker.io/org/app:1"),
        ("ghcr.io/org/app:1", False, "ghcr.io/org/app:1"),
        ("localhost:5000/app", False, "localhost:5000/app"),
        ("team/app:1", True, "team/app:1"),
        ("index.docker.io/alpine:3", False, "docker.io/library/alpine:3"),
    ],
)
def test_references_are_read_as_docker_does(text: str, local: bool, expected: str) -> None:
    assert str(parse_reference(text, local=local)) == expected


@pytest.mark.parametrize("text", ["", "UPPER/app", "a/b:", "a/b@sha256:12", "../x", "host.example/"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_reference(text, local=True)
