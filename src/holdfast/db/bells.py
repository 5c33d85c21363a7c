"""Waiting for a notification inside one process: what each engine's `wait` stands on."""

from __future__ import annotations

import asyncio
import os
import re

_CHANNEL = re.compile(r"[a-z][a-z_]{0,30}")


def check_channel(channel: str) -> str:
    """`channel`, or ValueError unless it is a lower-case word."""
    if _CHANNEL.fullmatch(channel) is None:
        raise ValueError("a channel is a lower-case word of at most 31 letters")
    return channel


class Bells:
    """One bell a channel. Belongs to one event loop. `token`: this process, in what it tells others."""

    def __init__(self) -> None:
        self.token = os.urandom(8).hex()
        self._events: dict[str, asyncio.Event] = {}

    def ring(self, channel: str) -> None:
        """Wake who waits for `channel`, or let the next wait for it return at once."""
        self.event(channel).set()

    def event(self, channel: str) -> asyncio.Event:
        """The bell of `channel`."""
        event = self._events.get(channel)
        if event is None:
            event = self._events[check_channel(channel)] = asyncio.Event()
        return event

    async def wait(self, channel: str, seconds: float) -> None:
        """Return when `channel` rang since the last wait for it, or after `seconds`."""
        event = self.event(channel)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
        event.clear()
