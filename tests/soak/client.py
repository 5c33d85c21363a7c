"""One client of the soak: it looks before it uploads, mounts what is elsewhere, and notes how it was answered.

Promises: a client does right: whatever a manifest names was reported present to it (201, or 200 to HEAD) before the
manifest is sent. A refusal of such a manifest within one lease of the first request is wrong; a later one is slow, and
is healed as clients do: everything is uploaded, and the manifest sent again.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from tests.faults.client import Answer, Caller, Interrupted, digest_of
from tests.serving import pause
from tests.soak.pace import Pace
from tests.soak.wares import Blob, Ware

_ATTEMPTS = 4
_SLOW = 0.2
"""The share of pushes that take a good part of their lease."""
_UNKNOWN = {"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"}


class Habit(StrEnum):
    """How a client brings a blob: HEAD first and skip what is there, mount first, or upload whatever is there."""

    LOOK = "look"
    MOUNT = "mount"
    UPLOAD = "upload"


@dataclass
class Tally:
    """What clients did, and how they were answered. Texts say what went wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    told: dict[str, int] = field(default_factory=dict)
    """Every digest that was ever acknowledged, with its size."""
    slowest: float = 0.0

    def add(self, other: Tally) -> None:
        """Count what another client did."""
        self.counts.update(other.counts)
        self.broken += other.broken
        self.refused += other.refused
        self.odd += other.odd
        self.told |= other.told
        self.slowest = max(self.slowest, other.slowest)

    @property
    def wrong(self) -> bool:
        """Whether anything happened that must not."""
        return bool(self.broken or self.refused or self.odd)


class Odd(Exception):
    """An answer that this request never gets here."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A push: where to, under which tag (None: by digest), how, and from where layers may be mounted."""

    repository: str
    tag: str | None
    habit: Habit
    sources: tuple[str, ...] = ()


class Client:
    """One client. For one thread. `lease`: seconds."""

    def __init__(self, port: int, lease: float, chance: random.Random, pace: Pace) -> None:
        self._caller = Caller(port)
        self._lease = lease
        self._pace = pace
        self._chance = chance
        self.tally = Tally()

    def close(self) -> None:
        self._caller.close()

    def ask(self, allowed: tuple[int, ...], method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """One request. Raises `Odd` when it is answered with a status that is not allowed, or not at all."""
        try:
            answer = self._caller.ask(method, path, body, **headers)
        except Interrupted as error:
            raise Odd(str(error)) from error
        self.tally.counts["requests"] += 1
        if answer.status not in allowed:
            raise Odd(f"{method} {path}: {answer.status} {answer.body[:300]!r}")
        return answer

    # -- pushes ----------------------------------------------------------------------------------------------------

    def push(self, ware: Ware, aim: Aim) -> None:
        """Push a manifest with all that it needs, again and again until it is acknowledged. Raises `Odd`."""
        first = began = time.monotonic()
        for _ in range(_ATTEMPTS):
            refused = self._push(ware, aim)
            took = time.monotonic() - began
            if refused is None:
                break
            if took <= self._lease:
                self.tally.refused.append(f"{refused} after {took:.2f} s")
            else:
                self.tally.counts["slow and refused"] += 1
            aim = Aim(aim.repository, aim.tag, Habit.UPLOAD)
            began = time.monotonic()
        else:
            raise Odd(f"{ware.kind} {ware.digest} was refused {_ATTEMPTS} times")
        self.tally.counts["pushes"] += 1
        self.tally.counts[f"pushes: {ware.kind}"] += 1
        if took > self._lease:
            self.tally.counts["slow"] += 1
            self._pace.slow(began)
        self.tally.slowest = max(self.tally.slowest, time.monotonic() - first)

    def _push(self, ware: Ware, aim: Aim) -> str | None:
        """One attempt; gives what was said when the manifest, or one below it, was refused."""
        for child in ware.children:
            below = Aim(aim.repository, None, aim.habit, aim.sources)
            if aim.habit is Habit.LOOK and self._there(f"/v2/{aim.repository}/manifests/{child.digest}"):
                self.tally.counts["manifests skipped"] += 1
                continue
            if (refused := self._push(child, below)) is not None:
                return refused
        for blob in ware.blobs:
            self._bring(blob, aim)
        if aim.tag is not None and self._chance.random() < _SLOW:
            pause(self._chance.uniform(0.05, 0.5) * self._lease)  # a large layer is on its way
        path = f"/v2/{aim.repository}/manifests/{aim.tag or ware.digest}"
        answer = self.ask((201, 400, 404), "PUT", path, ware.document, Content_Type=ware.media_type)
        if answer.status == 201:
            self.tally.told[ware.digest] = len(ware.document)
            return None
        codes = {error["code"] for error in json.loads(answer.body)["errors"]}
        if not codes <= _UNKNOWN:
            raise Odd(f"PUT {path}: {answer.status} {answer.body[:300]!r}")
        return f"PUT {path} ({aim.habit}): {answer.status} {answer.body[:400]!r}"

    def _there(self, path: str) -> bool:
        return self.ask((200, 404), "HEAD", path).status == 200

    def _bring(self, blob: Blob, aim: Aim) -> None:
        """Make a blob present, or find that it is."""
        place = f"/v2/{aim.repository}/blobs"
        if aim.habit is Habit.LOOK and self._there(f"{place}/{blob.digest}"):
            self.tally.counts["blobs skipped"] += 1
            return
        location = None
        if aim.habit is Habit.MOUNT and aim.sources:
            source = self._chance.choice(aim.sources)
            answer = self.ask((201, 202), "POST", f"{place}/uploads/?mount={blob.digest}&from={source}")
            if answer.status == 201:
                self.tally.counts["blobs mounted"] += 1
                self.tally.told[blob.digest] = blob.size
                return
            location = answer.headers["location"]
        self._upload(place, blob, location)
        self.tally.counts["blobs uploaded"] += 1
        self.tally.told[blob.digest] = blob.size

    def _upload(self, place: str, blob: Blob, location: str | None) -> None:
        if location is None and self._chance.random() < 0.4:
            self.ask((201,), "POST", f"{place}/uploads/?digest={blob.digest}", blob.data)
            return
        location = location or self.ask((202,), "POST", f"{place}/uploads/").headers["location"]
        data = blob.data
        if self._chance.random() < 0.3:
            location = self.ask((202,), "PATCH", location, data).headers["location"]
            data = b""
        joined = "&" if "?" in location else "?"
        self.ask(
            (201,), "PUT", f"{location}{joined}digest={blob.digest}", data, Content_Type="application/octet-stream"
        )

    # -- pulls -----------------------------------------------------------------------------------------------------

    def wrong_with(self, repository: str, ware: Ware, *references: str) -> str | None:
        """Pull a manifest by its digest and `references`, and all that it needs; gives what is not as it should be."""
        for reference in (*references, ware.digest):
            path = f"/v2/{repository}/manifests/{reference}"
            answer = self.ask((200, 404), "GET", path)
            if answer.status == 404:
                return f"{path}: 404"
            if answer.body != ware.document:
                return f"{path}: gives {digest_of(answer.body)}, not {ware.digest}"
        for blob in ware.blobs:
            path = f"/v2/{repository}/blobs/{blob.digest}"
            answer = self.ask((200, 404), "GET", path)
            if answer.status == 404:
                return f"{path} of {ware.kind} {ware.digest}: 404"
            if digest_of(answer.body) != blob.digest:
                return f"{path}: gives {len(answer.body)} bytes of {digest_of(answer.body)}"
        for child in ware.children:
            if (wrong := self.wrong_with(repository, child)) is not None:
                return wrong
        return None

    def referrers(self, repository: str, digest: str) -> set[str]:
        """The digests that refer to a manifest."""
        found: set[str] = set()
        path: str | None = f"/v2/{repository}/referrers/{digest}"
        while path is not None:
            answer = self.ask((200,), "GET", path)
            found |= {each["digest"] for each in json.loads(answer.body)["manifests"]}
            path = None
            with contextlib.suppress(KeyError):
                path = answer.headers["link"].partition(">")[0].removeprefix("<")
        return found
