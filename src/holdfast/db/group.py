"""Group commit: concurrent write units of a process share one durable commit, each in a savepoint.

Promises: a unit is answered only after the commit that holds it; a unit that raises leaves nothing and does not fail
its neighbours; when the engine ends the transaction under us (disk full, I/O error) the whole group fails and nothing
else runs in it; after a failed fsync this process acknowledges nothing any more. Processes take turns by flock.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import apsw

from holdfast.db import meters as families
from holdfast.db.bells import Bells
from holdfast.db.errors import DatabaseError, ReadOnly, Unavailable
from holdfast.db.port import Unit
from holdfast.db.session import WRITE_PATIENCE, Session, drive, fsync_failed, translate
from holdfast.telemetry.meters import Meters

T = TypeVar("T")
GROUP_LIMIT = 256
_MODE = "select read_only, reason from mode where id = 1"
_VERSION = "pragma data_version"  # moves when another connection commits
_COPY_FROM_PAGES = 4096  # 16 MiB of write-ahead log
_TRUNCATE_ABOVE_PAGES = 16384  # 64 MiB

Work = Callable[[Unit], Awaitable[Any]]


class _Job:
    """One unit on its way: what to run, who waits, what came of it, and which channels it notifies."""

    __slots__ = ("always", "error", "future", "loop", "notified", "result", "work")

    def __init__(self, work: Work, always: bool, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any]) -> None:
        self.work = work
        self.always = always
        self.loop = loop
        self.future = future
        self.notified: list[str] = []
        self.result: Any = None
        self.error: BaseException | None = None


class _Counts:
    """What the thread counts: numbers of its own, so that it waits for nobody."""

    def __init__(self, meters: Meters) -> None:
        self._committed = meters.tally(families.UNITS, "committed")
        self._not = meters.tally(families.UNITS, "not")
        self._errors = meters.tally(families.ERRORS)
        self._seconds = meters.durations(families.UNIT_SECONDS)

    def group(self, jobs: list[_Job], seconds: float) -> None:
        """Note a group that ended."""
        failed = sum(job.error is not None for job in jobs)
        self._committed.add(len(jobs) - failed)
        self._not.add(failed)
        self._errors.add(
            sum(isinstance(job.error, DatabaseError) and not isinstance(job.error, ReadOnly) for job in jobs)
        )
        self._seconds.add(seconds)


class GroupWriter:
    """The writer thread of a process. `session` is its connection, `lock_path` the lock shared by processes; `bells`
    ring in this process when a unit that notifies is committed."""

    def __init__(
        self, session: Session, lock_path: str, clock: Callable[[], int], bells: Bells, meters: Meters
    ) -> None:
        self._session = session
        self._clock = clock
        self._bells = bells
        self._counts = _Counts(meters)
        self._lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._broken = False
        self._closed = False
        self._log_pages = 0
        self._emptying = False
        self._version: object = None
        self.others = 0
        session.connection.set_wal_hook(self._note_pages)
        self._thread = threading.Thread(target=self._serve, name="holdfast-writer", daemon=True)
        self._thread.start()

    async def submit(self, work: Callable[[Unit], Awaitable[T]], always: bool = False) -> T:
        """Run `work` in the next group; returns when it is durable. The caller's cancellation does not undo it."""
        if self._closed:
            raise Unavailable("the database is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(work, always, loop, future))
        return await future

    @property
    def waiting(self) -> int:
        """How many units wait for their group."""
        return self._jobs.qsize()

    def empty_log(self) -> None:
        """Empty the write-ahead log after the next group, however short it is, unless a reader is in the way."""
        self._emptying = True

    async def close(self) -> None:
        """Finish what is queued, end the thread, close the connection."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._session.connection.close()
        os.close(self._lock)

    def _serve(self) -> None:
        running = True
        while running:
            group: list[_Job] = []
            job = self._jobs.get()
            while job is not None:
                group.append(job)
                if len(group) == GROUP_LIMIT:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            running = job is not None
            if group:
                began = time.perf_counter()
                self._commit(group)
                self._counts.group(group, time.perf_counter() - began)
                self._answer(group)

    def _commit(self, group: list[_Job]) -> None:
        """Run the group in one transaction; afterwards each job holds its result or its error."""
        if self._broken:
            self._fail(group, Unavailable("the disk failed to store a write; restart after it is mended"))
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            self._fail(group, Unavailable(f"the lock of the database failed: {error.strerror}"))
            return
        try:
            self._transaction(group)
        except Exception as error:  # the thread lives on whatever it was, so that nobody waits for ever
            meaning = translate(error) if isinstance(error, apsw.Error) else Unavailable("the database failed")
            meaning.__cause__ = error
            self._fail(group, meaning)
        finally:
            self._settle(group)
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _transaction(self, group: list[_Job]) -> None:
        cursor = self._session.connection.cursor()
        cursor.execute("begin immediate")
        alone = len(group) == 1
        version = cursor.execute(_VERSION).fetchall()[0][0]
        self.others += not alone or version != self._version
        self._version = version
        self._session.now = self._clock()
        closed = self._read_only()
        for job in group:
            if closed is not None and not job.always:
                job.error = ReadOnly(closed)
                continue
            if not alone:
                cursor.execute("savepoint unit")
            self._session.notified = job.notified
            try:
                job.result = drive(job.work(self._session))
            except BaseException as error:  # handed to whoever waits for the unit
                job.error = error
            if not self._session.connection.in_transaction:
                self._fail(group, self._ended_by(job))
                return
            if not alone:
                if job.error is not None:
                    cursor.execute("rollback to unit")
                cursor.execute("release unit")
            if job.always:
                closed = self._read_only()  # this unit may have been the switch
        cursor.execute("rollback" if alone and group[0].error is not None else "commit")

    def _read_only(self) -> str | None:
        """Why nothing may be written now, None while everything may. Asked once a group."""
        for read_only, reason in self._session.connection.execute(_MODE):
            return str(reason or "") if read_only else None
        return None

    @staticmethod
    def _ended_by(job: _Job) -> DatabaseError:
        """Why the engine ended the transaction while `job` ran."""
        if isinstance(job.error, DatabaseError):
            return job.error
        return Unavailable("the database gave the transaction up")

    @staticmethod
    def _fail(group: list[_Job], error: BaseException) -> None:
        for job in group:
            if job.error is None or isinstance(job.error, DatabaseError):
                job.error = error

    def _settle(self, group: list[_Job]) -> None:
        """Leave no transaction open, notice a disk that lies, and keep the write-ahead log short."""
        self._session.now = 0
        connection = self._session.connection
        try:
            if connection.in_transaction:
                connection.cursor().execute("rollback")
            if any(fsync_failed(job.error) for job in group):
                self._broken = True
            elif self._log_pages >= _COPY_FROM_PAGES or self._emptying:
                self._shorten_log(connection)
        except apsw.Error as error:
            # A checkpoint that cannot run now runs later; a rollback that fails leaves a connection nobody may use.
            self._broken = self._broken or connection.in_transaction or fsync_failed(error)

    def _shorten_log(self, connection: apsw.Connection) -> None:
        """Copy the log into the file, and empty a long one unless a reader is in the way: nobody waits for readers.

        Not in the engine's hook: what fails there fails a commit that is durable already.
        """
        empty = self._emptying or self._log_pages > _TRUNCATE_ABOVE_PAGES
        self._log_pages, self._emptying = 0, False
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if empty:
            connection.set_busy_timeout(0)
            try:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            finally:
                connection.set_busy_timeout(WRITE_PATIENCE)

    def _note_pages(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _answer(self, group: list[_Job]) -> None:
        """Wake each loop once for all of its jobs."""
        loops = {job.loop for job in group}
        for loop in loops:
            mine = [job for job in group if job.loop is loop]
            try:
                loop.call_soon_threadsafe(_resolve, mine, self._bells)
            except RuntimeError:  # the loop was closed: nobody waits any more, what was committed stays committed
                continue


def _resolve(jobs: list[_Job], bells: Bells) -> None:
    for job in jobs:
        if job.error is None:
            for channel in job.notified:
                bells.ring(channel)
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
