"""The store's own threads: blocking work leaves the event loop here, and a cancelled waiter never disturbs it.

Jobs start in the order they were handed over. Waiting for one may be cancelled; the job itself is not: it runs to its
end, and whoever owns its descriptor or buffers lets go only after it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from holdfast.blobs.errors import Unavailable

T = TypeVar("T")


class Threads:
    """A bounded pool of threads that start when first needed."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="blobs")
        self._closed = False

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Hand over `work`; raises Unavailable once closed."""
        if self._closed:
            raise Unavailable("The blob store is closed.")
        return self._pool.submit(work)

    async def run(self, work: Callable[[], T]) -> T:
        """Hand over `work` and wait for its outcome."""
        return await wait(self.start(work))

    async def acquire(self, work: Callable[[], T], undo: Callable[[T], None]) -> T:
        """Like `run`, for work that takes hold of something: if the waiter is cancelled, `undo` lets go of it."""
        job = self.start(work)
        try:
            return await wait(job)
        except asyncio.CancelledError:
            after(job, lambda: undo(job.result()) if job.exception() is None else None)
            raise

    async def close(self) -> None:
        """Wait for all jobs and end the threads."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)


async def wait(job: Future[T]) -> T:
    """Wait for `job` and return its outcome; a cancelled waiter leaves the job alone."""
    if not job.done():
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        job.add_done_callback(lambda _: _wake(loop, waiter))
        await waiter
    return job.result()


def after(job: Future[T], then: Callable[[], None]) -> None:
    """Call `then` when `job` has ended: now, or in its thread."""
    job.add_done_callback(lambda _: then())


def _wake(loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[None]) -> None:
    try:
        loop.call_soon_threadsafe(_settle, waiter)
    except RuntimeError:
        # The loop has ended: nobody waits any more.
        return


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
