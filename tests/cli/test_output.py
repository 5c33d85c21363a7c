"""What the client verbs print, and the times that they take."""

from __future__ import annotations

import io
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest

from holdfast.cli.client import Client, Problem, segment
from holdfast.cli.contexts import Context, ContextError, check_url, chosen
from holdfast.cli.moments import moment, seconds, window
from holdfast.cli.output import Api, plain, refusals, show_facts, show_table, when


class Terminal(io.StringIO):
    """Standard output that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_table_goes_to_terminals_and_to_files(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    rows = [("a[bold]b", None, True), ("\x1b[31mred", ["x", "y"], {"k": 1, "none": None})]
    show_table(("ONE", "TWO", "THREE"), rows)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["ONE", "TWO", "THREE"],
        ["a[bold]b", "yes"],
        ["\\x1b[31mred", "x,", "y", "k=1"],
    ]
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "dumb")
    show_table(("ONE", "TWO", "THREE"), rows)
    assert "a[bold]b" in terminal.getvalue()
    assert "\x1b[31mred" not in terminal.getvalue()
    assert "\\x1b[31mred" in terminal.getvalue()


def test_facts_leave_out_what_is_empty(capsys: Any) -> None:
    show_facts({"name": "x", "nothing": None, "empty": [], "made_at": "t", "parts": [{"a": 1}, {"a": 2, "b": None}]})
    assert capsys.readouterr().out == "name     x\nmade at  t\nparts    a=1\n         a=2\n"


def test_values_as_text() -> None:
    assert plain(None) == ""
    assert plain("a\nb\r\x1b\x07\u202e") == "a\\x0ab\\x0d\\x1b\\x07\\x202e"
    assert when("2027-01-31T18:00:00.5Z") == "2027-01-31 18:00:00 UTC"
    assert when(None, "never") == "never"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (None, None),
        ("never", None),
        ("2027-01-31", "2027-02-01T00:00:00Z"),
        ("2027-01-31T18:00:00Z", "2027-01-31T18:00:00Z"),
        ("2027-01-31T18:00:00+02:00", "2027-01-31T16:00:00Z"),
    ],
)
def test_times_are_taken_as_people_say_them(text: str | None, meant: str | None) -> None:
    assert moment(text) == meant


def test_a_span_counts_from_now() -> None:
    for text, span in (("30d", timedelta(days=30)), ("12h", timedelta(hours=12)), ("5min", timedelta(minutes=5))):
        found = datetime.fromisoformat(moment(text) or "")
        assert abs(found - datetime.now(UTC) - span) < timedelta(minutes=5)
    assert [seconds(text) for text in (None, "0", "30min", "12h", "1w")] == [None, 0, 1800, 43200, 604800]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("08:00-18:00", {"start": "08:00", "end": "18:00"}),
        ("mon 08:00-18:00 UTC", {"days": ["mon"], "start": "08:00", "end": "18:00", "zone": "UTC"}),
        (
            "mon-wed,fri 22:00-06:00 Europe/Berlin",
            {"days": ["mon", "tue", "wed", "fri"], "start": "22:00", "end": "06:00", "zone": "Europe/Berlin"},
        ),
        ("sat-mon 00:00-00:00", {"days": ["sat", "sun", "mon"], "start": "00:00", "end": "00:00"}),
    ],
)
def test_time_windows(text: str, meant: dict[str, Any]) -> None:
    assert window(text) == meant


@pytest.mark.parametrize(
    "text", ["", "mon", "8-18", "08:00", "funday 08:00-18:00", "mon- 08:00-18:00", "08:00-18:00 a b"]
)
def test_what_is_no_time_window_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        window(text)


@pytest.mark.parametrize("text", ["", "soon", "30", "d", "-1d", "2027-13-01", "2027-01-31T18:00:00", "9999999d", "1 y"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        moment(text)
    with pytest.raises(click.BadParameter):
        seconds(text or "x")


@pytest.mark.parametrize(
    ("name", "escaped"),
    [("dora", "dora"), ("a/b+c", "a~1b%2Bc"), ("a~1b", "a~01b"), ("a b%", "a%20b%25"), ("corp/\xe4", "corp~1%C3%A4")],
)
def test_a_name_is_one_segment(name: str, escaped: str) -> None:
    assert segment(name) == escaped


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("registry.example.com", "https://registry.example.com"),
        ("https://Registry.example.com/", "https://registry.example.com"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("http://[::1]:5000", "http://[::1]:5000"),
    ],
)
def test_a_url_is_scheme_and_address(given: str, meant: str) -> None:
    assert check_url(given) == meant


def test_the_environment_says_one_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    found = chosen(None, {"HOLDFAST_URL": "https://r.example.com", "HOLDFAST_KEY": "hf_x", "HOLDFAST_USER": "u"})
    assert (found.url, found.key, found.user, found.token) == ("https://r.example.com", "hf_x", "u", "")
    assert "hf_x" not in repr(found)
    with pytest.raises(ContextError, match="exclude each other"):
        chosen(None, {"HOLDFAST_URL": "https://r.example.com", "HOLDFAST_KEY": "a", "HOLDFAST_TOKEN": "b"})


def test_what_stops_a_verb_is_told_with_its_status(capsys: Any) -> None:
    body = {
        "type": "/problems/invalid",
        "detail": "two things",
        "fields": [{"field": "a", "reason": "x"}, {"field": "b", "reason": "y\x1b"}],
        "request_id": "r-1",
    }
    with pytest.raises(SystemExit) as ended, refusals():
        raise Problem(400, body)
    assert ended.value.code == 1
    assert capsys.readouterr().err == "holdfast: two things\n  a: x\n  b: y\\x1b\n"
    with pytest.raises(SystemExit), refusals(as_json=True):
        raise Problem(400, body)
    assert json.loads(capsys.readouterr().err) == body
    with pytest.raises(SystemExit), refusals():
        raise Problem(500, {"type": "/problems/fault", "detail": "it failed", "request_id": "r-1"})
    assert "request id: r-1" in capsys.readouterr().err


def test_lists_are_whole_for_programs(capsys: Any) -> None:
    api = Api(Client(Context("http://127.0.0.1:1")), as_json=True)
    api.show_list(iter([{"a": 1}, {"a": 2}]), ("A",), lambda each: (each["a"],), "none")
    assert json.loads(capsys.readouterr().out) == {"items": [{"a": 1}, {"a": 2}]}
    api.as_json = False
    api.show_list([], ("A",), lambda each: (each["a"],), "none")
    assert re.fullmatch("none\n", capsys.readouterr().out)
