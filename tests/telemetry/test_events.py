"""Events: one line each on standard error, from a level up, with what went wrong beside it."""

from __future__ import annotations

import json

import pytest

from holdfast.telemetry.events import make_events


def failure() -> Exception:
    try:
        raise ValueError("ü\n\x1b[31m")
    except ValueError as error:
        return error


def test_json_is_one_line_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    events = make_events("info", "json")
    events.info("started", port=5000)
    events.error("failed\r\nnot a line of its own", exc_info=failure(), path="a\nb\x1b[31m\0")
    out, err = capsys.readouterr()
    assert out == ""
    first, second = (json.loads(line) for line in err.splitlines())
    assert first["at"] > 1.7e9
    assert {key: value for key, value in first.items() if key != "at"} == {
        "event": "started",
        "level": "info",
        "port": 5000,
    }
    assert second["event"] == "failed\r\nnot a line of its own"
    assert second["path"] == "a\nb\x1b[31m\0"
    assert "ValueError: ü" in second["exception"]
    assert err.isascii()


@pytest.mark.parametrize(
    ("level", "wanted"), [("debug", 3), ("info", 3), ("warning", 2), ("error", 1), ("no such level", 3)]
)
def test_what_is_less_serious_is_left_out(capsys: pytest.CaptureFixture[str], level: str, wanted: int) -> None:
    events = make_events(level)
    events.info("one")
    events.warning("two")
    events.error("three")
    assert len(capsys.readouterr().err.splitlines()) == wanted


def test_people_read_text(capsys: pytest.CaptureFixture[str]) -> None:
    events = make_events("info", "console")
    events.warning("something", path="/v2/")
    text = capsys.readouterr().err
    assert "something" in text
    assert "/v2/" in text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_an_event_names_the_trace_that_it_belongs_to(capsys: pytest.CaptureFixture[str]) -> None:
    current = ""
    events = make_events(trace=lambda: current)
    events.info("outside")
    current = "0af7651916cd43dd8448eb211c80319c"
    events.error("inside")
    outside, inside = map(json.loads, capsys.readouterr().err.splitlines())
    assert "trace" not in outside
    assert inside["trace"] == current
