"""The pushers of the soak: threads that push, move, delete and push again, over the same repositories and layers.

Promises: a pusher's manifests and tags are its own, so that what it was told says alone what must be pullable, while
every layer may be another's as well; what it remembers as live can be reached from a tag of its own, through indexes
and subjects, without a moment in which it could not. With a window, what was let go of is pullable by digest until
the window ends.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from tests.soak import wares
from tests.soak.client import Aim, Client, Habit, Odd
from tests.soak.pace import Pace
from tests.soak.wares import Ware

REPOSITORIES = ("soak/a", "soak/b", "soak/c")
_TAGS = 8
_REMEMBERED = 12
_CLOCKS = 0.25
"""Seconds that a tag stood at least that is rolled back to; the instant is half of it before the tag went, for the
server's clock may be behind or ahead of this one by what a measurement takes on a busy machine."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the server was told, seconds, and when the run began."""

    lease: float
    window: float
    began: float
    seed: int
    pace: Pace = field(default_factory=lambda: Pace(1))


class Lost(NamedTuple):
    """What no tag reaches any more, and when the request was sent that did it (monotonic seconds)."""

    repository: str
    ware: Ware
    since: float


class Moved(NamedTuple):
    """A tag that was moved or ended, what it was on, and a moment right before (seconds since the epoch). `settled`: it
    had been there for longer than the clocks of client and database differ by."""

    repository: str
    tag: str
    ware: Ware
    at: float
    settled: bool


@dataclass
class Shelf:
    """What one pusher has in one repository: its tags, and signatures of what they reach."""

    tags: dict[str, Ware] = field(default_factory=dict)
    signatures: dict[str, list[Ware]] = field(default_factory=dict)

    def live(self) -> dict[str, Ware]:
        """Everything that a tag reaches, by digest, signatures excepted."""
        return {each.digest: each for ware in self.tags.values() for each in ware.below()}

    def prune(self) -> None:
        """Forget the signatures of what is not live any more: they may go with it."""
        live = self.live()
        self.signatures = {digest: found for digest, found in self.signatures.items() if digest in live}

    def everything(self) -> Iterator[Ware]:
        """Everything that must be stored."""
        yield from self.live().values()
        for found in self.signatures.values():
            yield from found


class Pusher(threading.Thread):
    """One client at work until `stopped` is set. `shelves`: what it was told, by repository."""

    def __init__(self, port: int, number: int, terms: Terms, stopped: threading.Event) -> None:
        super().__init__(name=f"pusher-{number}", daemon=True)
        self._chance = random.Random(f"{terms.seed}/{number}")
        self._number = number
        self._terms = terms
        self._stopped = stopped
        self._next = number * 10_000_000
        self.client = Client(port, terms.lease, self._chance, terms.pace)
        self.tally = self.client.tally
        self.shelves = {repository: Shelf() for repository in REPOSITORIES}
        self._gone: deque[tuple[str, Ware]] = deque(maxlen=_REMEMBERED)
        self._lost: deque[Lost] = deque(maxlen=2 * _REMEMBERED)
        self._moved: deque[Moved] = deque(maxlen=2 * _REMEMBERED)
        self._tagged: dict[tuple[str, str], float] = {}

    def run(self) -> None:
        steps: list[tuple[Callable[[str], None], int]] = [
            (self._push_image, 12),
            (self._push_again, 6),
            (self._push_index, 2),
            (self._sign, 2),
            (self._retag, 2),
            (self._drop_tag, 5),
            (self._delete_manifest, 4),
            (self._look, 3),
            (self._look_back, 2),
            (self._roll_back, 2),
            (self._undelete, 2),
        ]
        choices, weights = zip(*steps, strict=True)
        try:
            while not self._stopped.is_set():
                with self._terms.pace.step() as waited:
                    if waited:  # for longer, perhaps, than a server keeps a connection that is idle
                        self.client.close()
                    self._chance.choices(choices, weights)[0](self._chance.choice(REPOSITORIES))
        except Odd as error:
            self.tally.odd.append(f"{self.name}: {error}")
            self._stopped.set()
        finally:
            self.client.close()

    # -- pushes ----------------------------------------------------------------------------------------------------

    def _push_image(self, repository: str) -> None:
        number, early = self._fresh(), self._chance.random() < 0.1
        ware = self._image()
        if early:  # a signature before its image
            mark = wares.signature(number, ware)
            began = time.monotonic()
            self.client.push(mark, self._aim(repository, None))
        self._tag(repository, ware)
        if early and time.monotonic() - began < self._terms.lease:
            self.shelves[repository].signatures.setdefault(ware.digest, []).append(mark)

    def _push_again(self, repository: str) -> None:
        """What was deleted a moment ago, where it was or elsewhere."""
        if self._gone:
            where, ware = self._chance.choice(self._gone)
            self.tally.counts["pushes again"] += 1
            self._tag(where if self._chance.random() < 0.8 else repository, ware)

    def _push_index(self, repository: str) -> None:
        known = [each for each in self.shelves[repository].live().values() if each.kind == "image"]
        known += [ware for where, ware in self._gone if where == repository and ware.kind == "image"]
        children = self._chance.sample(known, min(len(known), self._chance.randrange(3)))
        children += [self._image() for _ in range(2 - len(children) // 2)]
        self._tag(repository, wares.index(self._fresh(), list(dict.fromkeys(children))))

    def _sign(self, repository: str) -> None:
        shelf = self.shelves[repository]
        if live := list(shelf.live().values()):
            ware = self._chance.choice(live)
            mark = wares.signature(self._fresh(), ware)
            self.client.push(mark, self._aim(repository, None))
            shelf.signatures.setdefault(ware.digest, []).append(mark)

    def _retag(self, repository: str) -> None:
        if live := list(self.shelves[repository].live().values()):
            self._tag(repository, self._chance.choice(live))

    def _tag(self, repository: str, ware: Ware) -> None:
        tag = f"p{self._number}-v{self._chance.randrange(_TAGS)}"
        with self._losing(repository):
            self.client.push(ware, self._aim(repository, tag))
            self.shelves[repository].tags[tag] = ware

    # -- deletes ---------------------------------------------------------------------------------------------------

    def _drop_tag(self, repository: str) -> None:
        tags = self.shelves[repository].tags
        if tags:
            tag = self._chance.choice(sorted(tags))
            with self._losing(repository):
                self.client.ask((202,), "DELETE", f"/v2/{repository}/manifests/{tag}")
                del tags[tag]
            self.tally.counts["tags deleted"] += 1

    def _delete_manifest(self, repository: str) -> None:
        """Delete a manifest with its tags; one that an index lists (or has listed) may be kept by it."""
        shelf = self.shelves[repository]
        if shelf.tags:
            ware = shelf.tags[self._chance.choice(sorted(shelf.tags))]
            path = f"/v2/{repository}/manifests/{ware.digest}"
            with self._losing(repository):
                if self.client.ask((202, 405), "DELETE", path).status == 405:
                    self.tally.counts["deletes refused"] += 1
                    return
                shelf.tags = {tag: each for tag, each in shelf.tags.items() if each.digest != ware.digest}
            self.tally.counts["manifests deleted"] += 1
            self._lost = deque((each for each in self._lost if each.ware.digest != ware.digest), self._lost.maxlen)
            if self._chance.random() < 0.2 and self.client.ask((200, 404), "GET", path).status != 404:
                self.tally.broken.append(f"{path} is served after it was deleted")

    # -- the time machine ------------------------------------------------------------------------------------------

    def _roll_back(self, _repository: str) -> None:
        """A tag goes back to where it was; inside the window it can."""
        settled = [each for each in self._moved if each.settled]
        if self._terms.window and settled:
            moved = self._chance.choice(settled)
            instant = datetime.fromtimestamp(moved.at, UTC).isoformat()
            asked = {"target": f"{moved.repository}:{moved.tag}", "to": instant}
            self._bring_back(moved, "/api/v1/rollbacks", asked, "tags rolled back")

    def _undelete(self, _repository: str) -> None:
        """A tag that ended comes back; inside the window it does."""
        last = {(each.repository, each.tag): each for each in self._moved}
        gone = [each for each in last.values() if each.tag not in self.shelves[each.repository].tags]
        if self._terms.window and gone:
            moved = self._chance.choice(gone)
            asked = {"reference": f"{moved.repository}:{moved.tag}"}
            self._bring_back(moved, "/api/v1/deleted/restore", asked, "tags undeleted")

    def _bring_back(self, moved: Moved, path: str, asked: dict[str, str], counted: str) -> None:
        with self._losing(moved.repository):
            body = json.dumps(asked).encode()
            answer = self.client.ask((200, 404, 409), "POST", path, body, Content_Type="application/json")
            if answer.status == 200:
                self.shelves[moved.repository].tags[moved.tag] = moved.ware
                self.tally.counts[counted] += 1
            elif time.time() < moved.at + self._terms.window:
                self._note(f"{path} inside the window: {answer.status} {answer.body[:300]!r}")
        if answer.status == 200:
            self.check(moved.repository, moved.tag)

    # -- looks -----------------------------------------------------------------------------------------------------

    def _look(self, repository: str) -> None:
        shelf = self.shelves[repository]
        if shelf.tags:
            self.check(repository, self._chance.choice(sorted(shelf.tags)))

    def check(self, repository: str, tag: str) -> None:
        """Pull a tag with everything below it, and the signatures of that."""
        shelf = self.shelves[repository]
        ware = shelf.tags[tag]
        self._note(self.client.wrong_with(repository, ware, tag))
        for each in ware.below():
            marks = {mark.digest: mark for mark in shelf.signatures.get(each.digest, [])}
            if marks:
                for mark in marks.values():
                    self._note(self.client.wrong_with(repository, mark))
                if missing := set(marks) - self.client.referrers(repository, each.digest):
                    self._note(f"{repository}: the referrers of {each.digest} lack {missing}")
        self.tally.counts["pulls"] += 1

    def _look_back(self, _repository: str) -> None:
        """What was let go of is there by digest until the window has passed."""
        if self._lost:
            lost = self._chance.choice(self._lost)
            wrong = self.client.wrong_with(lost.repository, lost.ware)
            if time.monotonic() < lost.since + self._terms.window:
                self._note(f"inside the window: {wrong}" if wrong is not None else None)
                self.tally.counts["pulls inside the window"] += 1

    def _note(self, wrong: str | None) -> None:
        if wrong is not None:
            self.tally.broken.append(f"{self.name}, {time.monotonic() - self._terms.began:.2f} s: {wrong}")

    # -- how -------------------------------------------------------------------------------------------------------

    def _image(self) -> Ware:
        seconds = time.monotonic() - self._terms.began
        shared = {wares.pool_layer(self._chance, seconds) for _ in range(self._chance.randrange(1, 4))}
        return wares.image(self._fresh(), sorted(shared, key=lambda blob: blob.number), self._chance)

    def _aim(self, repository: str, tag: str | None) -> Aim:
        habit = self._chance.choices((Habit.LOOK, Habit.MOUNT, Habit.UPLOAD), (6, 3, 2))[0]
        return Aim(repository, tag, habit, tuple(each for each in REPOSITORIES if each != repository))

    def _fresh(self) -> int:
        self._next += 1
        return self._next

    def _losing(self, repository: str) -> _Losing:
        return _Losing(self, repository)

    def let_go(self, repository: str, before: Shelf, since: float, at: float) -> None:
        """Remember what was live `before` and is not now, and the tags that moved."""
        shelf = self.shelves[repository]
        live = shelf.live()
        for tag, ware in before.tags.items():
            if tag not in shelf.tags or shelf.tags[tag].digest != ware.digest:
                settled = at - self._tagged.get((repository, tag), at) > _CLOCKS
                self._moved.append(Moved(repository, tag, ware, at - _CLOCKS / 2, settled))
        for tag, ware in shelf.tags.items():
            if tag not in before.tags or before.tags[tag].digest != ware.digest:
                self._tagged[repository, tag] = time.time()
        for digest, ware in before.live().items():
            if digest not in live:
                self._gone.append((repository, ware))
                self._lost.append(Lost(repository, ware, since))
        shelf.prune()


class _Losing:
    """A block in which tags of a repository move."""

    def __init__(self, pusher: Pusher, repository: str) -> None:
        self._pusher = pusher
        self._repository = repository

    def __enter__(self) -> None:
        self._since, self._at = time.monotonic(), time.time()
        self._before = Shelf(dict(self._pusher.shelves[self._repository].tags))

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._pusher.let_go(self._repository, self._before, self._since, self._at)
