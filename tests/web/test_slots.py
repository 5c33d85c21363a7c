"""Boxes of features: one that fails or takes too long says so in its place, and no other suffers. What a page says of
the one before it: only we can have written it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from holdfast.access.model import ANONYMOUS, UNCHECKED, Identity
from holdfast.access.policy.decide import Rights
from holdfast.access.signin.sealing import Seal
from holdfast.journal.model import Origin
from holdfast.web import slots
from holdfast.web.caller import Caller
from holdfast.web.slots import About, Drawn, Panel, Slot, draw
from holdfast.web.toasts import Toasts
from holdfast.web.visit import Toast

Found = tuple[str, Mapping[str, object]] | None
SOMEBODY = Caller(Identity(ANONYMOUS, UNCHECKED, Rights.EVERYTHING), None, Origin("r-1"), cast(Any, None))


class Log:
    """The events of the process."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> object:
        self.said.append((event, fields))
        return None

    warning = error = info


async def works(_caller: Caller, about: About) -> Found:
    return "box.html", {"of": about.path}


async def silent(_caller: Caller, _about: About) -> Found:
    return None


async def breaks(_caller: Caller, _about: About) -> Found:
    raise RuntimeError("the table is gone")


async def hangs(_caller: Caller, _about: About) -> Found:
    await asyncio.Event().wait()
    return None


def drawn(log: Log, *panels: Panel) -> list[Drawn]:
    def render(template: str, values: Mapping[str, object]) -> str:
        return f"{template} {values['of']}"

    return asyncio.run(draw(panels, Slot.REPOSITORY, SOMEBODY, About("team/app"), render, log))


def test_boxes_of_the_slot_are_drawn_in_order_and_silence_leaves_no_box() -> None:
    found = drawn(
        Log(),
        Panel(Slot.REPOSITORY, "One", works),
        Panel(Slot.ARTIFACT, "Elsewhere", works),
        Panel(Slot.REPOSITORY, "Silent", silent),
        Panel(Slot.REPOSITORY, "Two", works),
    )
    assert found == [Drawn("One", "box.html team/app"), Drawn("Two", "box.html team/app")]


def test_a_box_that_fails_is_logged_and_says_nothing_of_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "PATIENCE", 0.05)
    log = Log()
    broken, late, whole = drawn(
        log,
        Panel(Slot.REPOSITORY, "Broken", breaks),
        Panel(Slot.REPOSITORY, "Late", hangs),
        Panel(Slot.REPOSITORY, "Whole", works),
    )
    assert whole.html
    assert broken.failed
    assert late.failed
    assert "table" not in broken.failed
    assert [(event, fields["request"], fields["panel"]) for event, fields in log.said] == [
        ("panel failed", "r-1", "Broken")
    ]


def test_a_toast_comes_back_as_it_was_written_and_no_other_does() -> None:
    toasts, others = Toasts(Seal(bytes(32))), Toasts(Seal(bytes(31) + b"x"))
    said = Toast("Tag \u202ev1 deleted", "/undo?x=1")
    value = toasts.write(said)
    assert toasts.read(value) == said
    assert others.read(value) is None
    assert toasts.read(value[:-4]) is None
    assert toasts.read("AAAA") is None
    assert toasts.read("") is None
    assert len(toasts.write(Toast("x" * 10_000))) < 1000
