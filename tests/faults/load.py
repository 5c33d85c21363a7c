"""Concurrent pushes: threads that do what clients do, at random, until they are told to stop.

Promises: each pusher has repositories and tags of its own, so that its ledger alone says what they must show; content
is partly shared, so that the same digest is pushed by several at once. Nothing runs on after `stopped` is set and the
requests under way have ended.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator, Sequence

from tests.faults.client import Caller, Interrupted, Ledger, Pushing, Refused, Wrong, content, digest_of, manifest_of
from tests.serving import pause

INLINE, SMALL, LARGE = 900, 64 << 10, 3 << 20
_SHARED = 1_000_000_000
_SHARED_COUNT = 40
_KEPT = 12


class Pusher(threading.Thread):
    """One client at work.

    `strict`: nothing may be interrupted or refused, every request has a connection of its own (so that any worker may
    get it), and what was acknowledged is read back at once.
    """

    def __init__(self, port: int, number: int, stopped: threading.Event, *, seed: int, strict: bool = False) -> None:
        super().__init__(name=f"pusher-{number}", daemon=True)
        self.ledger = Ledger()
        self.trouble: list[str] = []
        self.interruptions = 0
        self._random = random.Random(f"{seed}/{number}")
        self._strict = strict
        self._stopped = stopped
        self._repository = f"faults/p{number}-{seed}"
        self._next = number * 1_000_000 + seed * 100_000_000
        caller = Caller(port, fresh=strict)
        self._caller = caller
        self._pushing = Pushing(caller, self.ledger)
        self._images: list[tuple[str, bytes]] = []

    def run(self) -> None:
        steps: list[tuple[Callable[[], None], int]] = [
            (self._image, 8),
            (self._retag, 5),
            (self._untag, 1),
            (self._delete_manifest, 1),
            (self._delete_blob, 1),
            (self._mount, 2),
            (self._leave_open, 1),
        ]
        choices, weights = zip(*steps, strict=True)
        try:
            while not self._stopped.is_set():
                self._step(self._random.choices(choices, weights)[0])
        finally:
            self._caller.close()

    def _step(self, step: Callable[[], None]) -> None:
        try:
            step()
            self._read_back()
        except (Interrupted, Refused) as error:
            self.interruptions += 1
            if self._strict:
                self.trouble.append(str(error))
                self._stopped.set()
            else:
                pause(0.01)
        except Wrong as error:
            self.trouble.append(str(error))
            self._stopped.set()

    def _read_back(self) -> None:
        """Where nothing may go wrong, whoever answers knows what was acknowledged a moment ago."""
        if self._strict:
            for address in self.ledger.fresh:
                answer = self._caller.expect((200, 404), "HEAD", address)
                found = answer.headers["docker-content-digest"] if answer.status == 200 else None
                if found not in self.ledger.may[address]:
                    raise Wrong(f"{address} shows {found} right after {self.ledger.may[address]} was acknowledged")
        self.ledger.fresh.clear()

    def _blob(self, repository: str) -> bytes:
        size = self._random.choices((INLINE, SMALL, LARGE), (6, 4, 1))[0]
        if self._random.random() < 0.3:
            data = content(_SHARED + self._random.randrange(_SHARED_COUNT), size)
        else:
            data = content(self._number(), size)
        way = self._random.choice((self._pushing.put, self._pushing.patch, self._pushing.chunks, self._pushing.post))
        way(repository, data)
        return data

    def _image(self) -> None:
        config, layer = self._blob(self._repository), self._blob(self._repository)
        document = manifest_of(config, [layer], self._number())
        tag = f"v{self._random.randrange(_KEPT)}"
        self._pushing.manifest(self._repository, document, tag)
        self._images = [*self._images[-_KEPT:], (digest_of(document), document)]

    def _retag(self) -> None:
        if self._images:
            _, document = self._random.choice(self._images)
            self._pushing.manifest(self._repository, document, f"v{self._random.randrange(_KEPT)}")

    def _untag(self) -> None:
        """Delete a tag that is there for certain."""
        name = f"/v2/{self._repository}/manifests/v{self._random.randrange(_KEPT)}"
        if self.ledger.may.get(name, {None}).isdisjoint({None}):
            self._pushing.delete(name)

    def _delete_manifest(self) -> None:
        """Delete a manifest made for it, with its tag."""
        config = self._blob(f"{self._repository}/gone")
        document = manifest_of(config, [], self._number())
        tag = f"t{self._number()}"
        digest = self._pushing.manifest(f"{self._repository}/gone", document, tag)
        prefix = f"/v2/{self._repository}/gone/manifests/"
        self._pushing.delete(prefix + digest, prefix + tag)

    def _delete_blob(self) -> None:
        repository = f"{self._repository}/loose"
        digest = digest_of(self._blob(repository))
        self._pushing.delete(f"/v2/{repository}/blobs/{digest}")

    def _mount(self) -> None:
        digest = digest_of(self._blob(self._repository))
        self._pushing.mount(f"{self._repository}/mounted", self._repository, digest)

    def _leave_open(self) -> None:
        size = self._random.choice((SMALL, LARGE))
        data = content(self._number(), size)
        self._pushing.leave_open(f"{self._repository}/open", data, self._random.randrange(2, size))

    def _number(self) -> int:
        self._next += 1
        return self._next


@contextlib.contextmanager
def pushers(port: int | Sequence[int], count: int, *, seed: int, strict: bool = False) -> Iterator[list[Pusher]]:
    """Run `count` pushers while the block runs, at one port or each at the next of several; afterwards they have ended
    and had no trouble."""
    stopped = threading.Event()
    ports = [port] if isinstance(port, int) else port
    threads = [Pusher(ports[at % len(ports)], at, stopped, seed=seed, strict=strict) for at in range(count)]
    try:
        for thread in threads:
            thread.start()
        yield threads
    finally:
        stopped.set()
        for thread in threads:
            thread.join(90)
    assert not any(thread.is_alive() for thread in threads), "a request was not answered for 90 seconds"
    trouble = [each for thread in threads for each in thread.trouble]
    assert not trouble, "\n".join(trouble)


def acknowledged(threads: list[Pusher]) -> int:
    """How many requests of these pushers were acknowledged so far."""
    return sum(thread.ledger.acknowledged for thread in threads)


def wait_for(threads: list[Pusher], more: int, seconds: float = 60) -> None:
    """Wait until `more` further requests are acknowledged (or the pushers are in trouble)."""
    goal = acknowledged(threads) + more
    for _ in range(int(seconds / 0.005)):
        if acknowledged(threads) >= goal or any(thread.trouble for thread in threads):
            return
        pause(0.005)
    raise AssertionError(f"{more} pushes were not acknowledged within {seconds:.0f} seconds")
