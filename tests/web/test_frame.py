"""The parts of the HTML frame: places, cookies, forms, and what is drawn of hostile text."""

from __future__ import annotations

import pytest

from holdfast.access.signin.sealing import NotSealed, Seal
from holdfast.web.cookies import Cookies
from holdfast.web.formats import moment, plain
from holdfast.web.forms import BadForm, ForeignForm, Forms, parse_form
from holdfast.web.frame import Later, Shown
from holdfast.web.place import origin_of, place_of

SEAL = Seal(bytes(32))
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example:443/x?y", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        ("https://A.example", "https://a.example"),
        ("null", ""),
        ("ftp://a", ""),
        ("https://a:x", ""),
    ],
)
def test_origins_are_as_browsers_write_them(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_a_place_is_the_public_url_else_this_machine() -> None:
    public = place_of("https://r.example:443", "http", "0.0.0.0:5000")
    assert (public.origin, public.host) == ("https://r.example", "r.example")
    assert public.own == {"https://r.example"}
    assert public.secure
    assert public.fixed
    here = place_of(None, "http", "127.0.0.1:5000")
    assert here.origin == "http://127.0.0.1:5000"
    assert here.own == {"http://127.0.0.1:5000", "http://localhost:5000", "http://[::1]:5000"}
    assert not here.secure
    assert not here.fixed


def test_a_cookie_that_comes_twice_is_none() -> None:
    """Somebody else on the host, or beside it, may have put one of them there."""
    cookies = Cookies(secure=True)
    assert cookies.read("a=b; __Host-holdfast-session=x", "session") == "x"
    assert cookies.read("__Host-holdfast-session=x; __Host-holdfast-session=y", "session") == ""
    assert cookies.read("holdfast-session=x; __Host-holdfast-sessionx=y", "session") == ""
    assert cookies.read("", "session") == ""
    assert cookies.read("__Host-holdfast-session=x" + ";" * 20000, "session") == ""


def test_cookies_hold_nothing_that_ends_them() -> None:
    cookies = Cookies(secure=True)
    assert cookies.write("session", "ab_-9", 60) == (
        "__Host-holdfast-session=ab_-9; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure"
    )
    for value in ("a;b", "a\r\nb", "a b", "\u00e9"):
        with pytest.raises(ValueError, match="cookie"):
            cookies.write("session", value)


def test_forms_are_read_strictly() -> None:
    assert parse_form(f"{FORM}; charset=utf-8", b"a=1&b=%C3%A9+x&c=") == {"a": "1", "b": "\u00e9 x", "c": ""}
    for kind, body in (
        ("application/json", b"{}"),
        ("multipart/form-data; boundary=x", b""),
        ("", b"a=1"),
        (FORM, b"a=1&a=2"),
        (FORM, b"a=\xff"),
        (FORM, b"a=%ff"),
        (FORM, b"&".join(b"f%d=1" % number for number in range(400))),
    ):
        with pytest.raises(BadForm):
            parse_form(kind, body)


def test_rows_that_were_picked_come_many_times() -> None:
    fields = parse_form(FORM, b"pick=b&pick=a&note=x&pick=a")
    assert fields.many("pick") == ["b", "a", "a"]
    assert fields.many("nothing") == []
    assert fields["note"] == "x"


def test_the_mark_of_a_form_looks_different_each_time() -> None:
    """Else the size of a compressed page would tell it, letter by letter."""
    forms = Forms(place_of("https://r.example", "http", "127.0.0.1:1"), SEAL)
    one, other = forms.mark("cookie"), forms.mark("cookie")
    assert one != other
    assert len({one[at] == other[at] for at in range(len(one))}) == 2
    here = {"origin": "https://r.example"}
    forms.check(here, {"form": one}, "cookie")
    for wrong in (one[:64] + other[64:], one[:-1] + "g", one.upper(), one + one, "0" * 128):
        with pytest.raises(ForeignForm):
            forms.check(here, {"form": wrong}, "cookie")


def test_a_form_is_of_our_origin_and_of_this_browser() -> None:
    forms = Forms(place_of("https://r.example", "http", "127.0.0.1:1"), SEAL)
    fields = {"form": forms.mark("cookie")}
    for headers in (
        {"origin": "https://r.example"},
        {"sec-fetch-site": "same-origin"},
        {"referer": "https://r.example/me"},
    ):
        forms.check(headers, fields, "cookie")
        for wrong in ({}, {"form": ""}, {"form": forms.mark("other")}, {"form": "\udcff"}):
            with pytest.raises(ForeignForm):
                forms.check(headers, wrong, "cookie")
        with pytest.raises(ForeignForm):
            forms.check(headers, {"form": forms.mark("")}, "")
    for headers in (
        {},
        {"origin": "null"},
        {"origin": "https://r.example.evil"},
        {"origin": "http://r.example"},
        {"origin": "https://evil", "referer": "https://r.example/", "sec-fetch-site": "same-origin"},
        {"referer": "https://evil/?https://r.example/"},
    ):
        with pytest.raises(ForeignForm):
            forms.check(headers, fields, "cookie")


def test_what_is_sealed_opens_for_its_purpose_alone() -> None:
    sealed = SEAL.seal("a", b"value")
    assert SEAL.open("a", sealed) == b"value"
    assert SEAL.seal("a", b"value") != sealed
    for purpose, text in (("b", sealed), ("a", sealed[:-1]), ("a", b""), ("a", sealed[:5]), ("a", bytes(40))):
        with pytest.raises(NotSealed):
            SEAL.open(purpose, text)
    with pytest.raises(NotSealed):
        Seal(bytes([1] * 32)).open("a", sealed)
    assert SEAL.hash("a", "x") != SEAL.hash("b", "x")


def test_hidden_characters_are_drawn() -> None:
    assert plain("a\u202eb\x1b\n\u200bc") == "a\u25a1b\u25a1\u25a1\u25a1c"
    assert moment(None) == "\u2013"
    assert moment(0) == "1970-01-01 00:00 UTC"


def test_a_menu_is_made_once_and_only_where_it_is_shown() -> None:
    """A part of a page that is polled asks for none."""
    made = []

    def make() -> list[Shown]:
        made.append("made")
        return [Shown("Home", "/", current=True)]

    menu = Later(make)
    assert made == []
    assert [each.title for each in menu] == [each.title for each in menu] == ["Home"]
    assert menu
    assert made == ["made"]
