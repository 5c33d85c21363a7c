"""What is taken of a provider's document, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.access.errors import ProviderAway
from holdfast.access.signin.discovery import metadata_of
from holdfast.access.signin.service import local_path

ISSUER = "https://idp.example/realm"
GOOD: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://login.idp.example/authorize?tenant=1",
    "token_endpoint": "https://idp.example/token",
    "jwks_uri": "https://keys.idp.example/jwks",
}


def test_the_least_document_will_do() -> None:
    found = metadata_of(GOOD, ISSUER)
    assert found.methods == ("client_secret_basic",)
    assert (found.userinfo, found.scopes, found.names_itself) == (None, (), False)


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": ISSUER + "/"},
        {"issuer": None},
        {"authorization_endpoint": "http://login.idp.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "https://x/\r\nSet-Cookie: a=b"},
        {"authorization_endpoint": "https://x/#fragment"},
        {"token_endpoint": "http://idp.example/token"},
        {"token_endpoint": "https://"},
        {"token_endpoint": 7},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://x/" + "a" * 3000},
        {"userinfo_endpoint": "ftp://x/"},
    ],
)
def test_what_cannot_be_used_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ProviderAway):
        metadata_of({**GOOD, **change}, ISSUER)


@pytest.mark.parametrize("document", [None, [], "x", {}])
def test_what_is_no_document_is_refused(document: object) -> None:
    with pytest.raises(ProviderAway):
        metadata_of(document, ISSUER)


@pytest.mark.parametrize("text", ["/", "/me", "/r/team/app/-/tags/v1?view=layers", "/search?q=a%2Fb"])
def test_paths_of_ours_are_where_to_go_on(text: str) -> None:
    assert local_path(text) == text


@pytest.mark.parametrize(
    "text", ["", "me", "//x", "/\\x", "https://x", "/a b", "/a\n", "/\u00e9", '/"', "/<", "/" + "a" * 2000]
)
def test_anything_else_is_not(text: str) -> None:
    assert local_path(text) == "/"
