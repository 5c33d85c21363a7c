"""Lists on pages: what the query may say, and what links keep."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from holdfast.access.errors import Invalid
from holdfast.web.listing import Listing


def listing(**query: str) -> Listing:
    return Listing("/r/a/-/tags", query, ("name", "pushed"), "-pushed", ("q", "glob"))


def test_a_list_begins_as_the_page_wants_it() -> None:
    found = listing()
    assert (found.sort, found.descending, found.limit, found.first, found.filtered) == ("pushed", True, 50, True, False)
    assert found.href() == "/r/a/-/tags"


def test_links_keep_what_they_do_not_change() -> None:
    found = listing(sort="name", q="a&b", limit="100", after="x")
    assert found.href() == "/r/a/-/tags?q=a%26b&limit=100&sort=name"
    assert found.href(after="Zw==") == "/r/a/-/tags?q=a%26b&limit=100&sort=name&after=Zw%3D%3D"
    assert found.href(q=None) == "/r/a/-/tags?limit=100&sort=name"
    assert found.bare == "/r/a/-/tags?limit=100&sort=name"


def test_heads_sort_and_turn_round() -> None:
    found = listing()
    assert found.sorted_by("pushed") == "/r/a/-/tags?sort=pushed"
    assert found.sorted_by("name") == "/r/a/-/tags?sort=name"
    assert listing(sort="pushed").sorted_by("pushed") == "/r/a/-/tags?sort=-pushed"
    assert listing().sorted_by("name", falls=True) == "/r/a/-/tags?sort=-name"


@pytest.mark.parametrize(
    "query",
    [
        {"sort": "password"},
        {"sort": "--name"},
        {"after": "a", "before": "b"},
        {"limit": "1000000"},
        {"limit": "-50"},
        {"limit": "\u0665\u0660"},
        {"q": "x" * 600},
        {"q": "a\nb"},
        {"after": "a\0"},
        {"after": "a", "way": "a"},
        {"after": "a", "way": "[1]"},
        {"after": "a", "way": "[" * 3000},
        {"after": "a", "way": '["' + "x" * 600 + '"]'},
        {"after": "a", "way": "[" + ",".join(['"x"'] * 65) + "]"},
    ],
)
def test_what_no_page_offers_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        listing(**query)


def followed(href: str) -> Listing:
    path, _, query = href.partition("?")
    return Listing(path, dict(parse_qsl(query)), ("name", "pushed"), "-pushed", ("q", "glob"))


def test_a_list_that_is_read_one_way_goes_back_the_way_one_came() -> None:
    found = listing(q="a", sort="name")
    found.onward("m")
    assert not found.previous_href
    second = followed(found.next_href)
    second.onward("s")
    assert (second.after, second.way, second.filters["q"]) == ("m", [""], "a")
    assert second.previous_href == found.href()
    third = followed(second.next_href)
    third.onward(None)
    assert (third.after, third.way, third.next_href) == ("s", ["", "m"], "")
    assert followed(third.previous_href).after == "m"
    assert followed(third.previous_href).previous_href == ""  # not yet told that it goes onward
    assert third.href() == found.href()  # the first page keeps no way


def test_a_long_way_forgets_its_beginning() -> None:
    at = listing()
    for number in range(200):
        at.onward(f"{number:0>60}")
        at = followed(at.next_href)
    at.onward(None)
    assert at.previous_href
    assert len(at.next_href or at.previous_href) < 4096
    back = 0
    while at.previous_href:
        at = followed(at.previous_href)
        at.onward("x")
        back += 1
    assert 20 < back < 65
    assert not at.first
