"""An update that names the version that it is of loses nobody else's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.management.api import Asker
from tests.management.conftest import PASSWORD, Asking

_THINGS = {
    "/users/versioned": ({"description": "one"}, {"description": "two"}),
    "/robots/versions+ci": ({"description": "one"}, {"description": "two"}),
    "/roles/versioned": ({"actions": ["pull"]}, {"actions": ["list"]}),
}


@pytest.fixture(scope="module", autouse=True)
def things(admin: Asker) -> None:
    """Make what is changed below."""
    admin.do(201, "POST", "/users", {"name": "versioned"})
    admin.do(201, "POST", "/robots", {"namespace": "versions", "name": "ci"})
    admin.do(201, "POST", "/roles", {"name": "versioned", "actions": ["pull", "list"]})


@pytest.mark.parametrize("path", _THINGS)
def test_an_update_of_an_older_version_is_refused(admin: Asker, path: str) -> None:
    one, two = _THINGS[path]
    first = admin.ask("GET", path)["etag"]
    changed = admin.ask("PATCH", path, one, If_Match=first)
    assert changed.status == 200, changed
    assert changed["etag"] != first
    assert admin.refused("changed", "PATCH", path, two, If_Match=first)["status"] == 412
    assert admin.ask("GET", path)["etag"] == changed["etag"]
    assert admin.ask("PATCH", path, two, If_Match=changed["etag"]).status == 200
    assert admin.ask("PATCH", path, one).status == 200, "without If-Match it is made as it is"
    assert admin.ask("PATCH", path, two, If_Match="*").status == 200


@pytest.mark.parametrize("path", _THINGS)
@pytest.mark.parametrize("tag", ["1", "abc", '"abc"', 'W/"1"', '"1", "2"', '"-1"', '"' + "9" * 60 + '"'])
def test_what_is_no_etag_is_refused(admin: Asker, path: str, tag: str) -> None:
    problem = admin.refused("invalid", "PATCH", path, _THINGS[path][0], If_Match=tag)
    assert problem["fields"][0]["field"].lower() == "if-match"


def test_of_many_at_once_one_is_made(admin: Asker, asking: Asking) -> None:
    tag = admin.ask("GET", "/roles/versioned")["etag"]
    callers = [asking.named("admin", PASSWORD) for _ in range(6)]

    def change(number: int) -> int:
        return callers[number].ask("PATCH", "/roles/versioned", {"description": f"by {number}"}, If_Match=tag).status

    with ThreadPoolExecutor(len(callers)) as pool:
        assert sorted(pool.map(change, range(len(callers)))) == [200, 412, 412, 412, 412, 412]
