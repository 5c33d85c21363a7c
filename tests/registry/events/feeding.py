"""What follows a feed in tests."""

from __future__ import annotations

import asyncio

from holdfast.registry.events.feed import Feed
from holdfast.registry.events.model import Event


async def version() -> int:
    """A policy version that never moves."""
    return 5


async def news_of(feed: Feed, place: int) -> list[Event]:
    """What the feed has beyond `place`, once it has something."""
    async with asyncio.timeout(30):
        while not (found := feed.news(place)).events:
            await feed.wait(1)
    assert found.version == 5
    return found.events
