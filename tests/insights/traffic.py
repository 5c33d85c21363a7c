"""Clients that pull at random from a real server, and their own log of what was answered.

A pull is one of: GET by tag; HEAD of a tag and then GET by digest; GET of an index by tag and then of one of its images
by digest; GET of a digest that no tag leads to. The log holds what each of them has to be counted as.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from base64 import b64encode
from collections import Counter
from typing import Any, NamedTuple

from tests.clients.images import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Blob, Image, encoded
from tests.clients.wire import ACCEPT, Wire
from tests.serving import Server

REPOSITORIES = ("shop/web", "shop/api", "lab/tool")
PEOPLE = ("alice", "bob")
PASSWORD = "a long pass phrase for tests"
AGENTS = ("docker/27.1", "containerd/1.7.2", "skopeo/1.14", "regclient/regsync (v0.8)", "trivy/0.60.0", "cri-o/1.30")
SCANNING = ("trivy", "regclient/regsync")
PLATFORMS = ("amd64", "arm64")
PATIENCE = 60.0


class Answered(NamedTuple):
    """One request that was answered. `at`: when, monotonic seconds; `tags`: those that it has to be counted for."""

    at: float
    repository: str
    subject: str
    agent: str
    digest: str
    platform: str
    tags: tuple[str, ...]
    pull: bool
    sent: int


class Shop:
    """Repositories with images that share digests and indexes, and who may pull from them."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.wire = Wire(server)
        self.tags: dict[str, dict[str, Image]] = {}
        self.untagged: dict[str, Image] = {}
        self.leads: dict[tuple[str, str], set[str]] = {}
        self.platforms: dict[str, str] = {}

    def fill(self) -> None:
        """Push everything, and let people in."""
        for name in PEOPLE:
            self.api(201, "POST", "/users", {"name": name, "password": PASSWORD})
            self.api(201, "POST", "/grants", {"subject": f"user:{name}", "role": "reader", "scope": "**"})
        for repository in REPOSITORIES:
            plain = [self._image(f"{repository}-{n}", "amd64") for n in range(3)]
            lists = [self._index(f"{repository}-many-{n}") for n in range(2)]
            self.tags[repository] = {
                "v1": plain[0],
                "latest": plain[0],
                "v2": plain[1],
                "many": lists[0],
                "many-1": lists[0],
                "other": lists[1],
            }
            self.untagged[repository] = self.wire.push(repository, plain[2])
            for tag, image in self.tags[repository].items():
                self.wire.push(repository, image, tag)
                for each in (image, *image.children):
                    self.leads.setdefault((repository, each.digest), set()).add(tag)

    def _image(self, seed: str, architecture: str) -> Image:
        config = Blob(OCI_CONFIG, encoded({"architecture": architecture, "os": "linux", "seed": seed}))
        layer = Blob(OCI_LAYER, f"layer of {seed}".encode() * 50)
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config.descriptor(),
            "layers": [layer.descriptor()],
        }
        made = Image(Blob(OCI_MANIFEST, encoded(document)), (config, layer))
        self.platforms[made.digest] = f"linux/{architecture}"
        return made

    def _index(self, seed: str) -> Image:
        children = tuple(self._image(f"{seed}-{each}", each) for each in PLATFORMS)
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [child.manifest.descriptor() for child in children],
        }
        return Image(Blob(OCI_INDEX, encoded(document)), (), children)

    def api(self, status: int, method: str, path: str, body: object = None) -> Any:
        """A request of the administrator to the management API."""
        data = json.dumps(body).encode() if body is not None else b""
        found = self.wire.ask(method, f"/api/v1{path}", data, Content_Type="application/json" if data else "")
        assert found.status == status, found.body
        return json.loads(found.body) if found.body else None

    def counted(self, repository: str, by: str = "tag") -> dict[str, Any]:
        """What the registry says."""
        path = f"/insights?repository={repository}&by={by}&days=3&all=true&limit=500"
        found: dict[str, Any] = self.api(200, "GET", path)
        return found

    def rows(self, repository: str, by: str) -> dict[str, int]:
        """Pulls by name."""
        return {row["name"]: row["pulls"] for row in self.counted(repository, by)["rows"] if row["pulls"]}

    def total(self) -> int:
        """Pulls of all repositories."""
        return sum(self.counted(each)["total"]["pulls"] for each in REPOSITORIES)

    def wait_until_counting(self) -> None:
        """Return when what is pulled is counted: a server begins with it a moment after it begins to serve."""
        self.wire.push("probe/app", self._image("probe", "amd64"), "v1")
        deadline = time.monotonic() + PATIENCE
        while True:
            self.wire.expect(200, "GET", "/v2/probe/app/manifests/v1", Accept=ACCEPT)
            if self.counted("probe/app")["total"]["pulls"]:
                return
            assert time.monotonic() < deadline, "nothing is counted"
            time.sleep(0.2)

    def wait_until(self, pulls: int) -> int:
        """The pulls that are counted, once they are as many, or did not become more for a while."""
        deadline, known = time.monotonic() + PATIENCE, -1
        while time.monotonic() < deadline:
            found = self.total()
            if found >= pulls:
                return found
            if found != known:
                known, deadline = found, time.monotonic() + PATIENCE / 3
            time.sleep(0.3)
        return known

    def wait_until_platforms(self, log: list[Answered]) -> None:
        """Return when every image that was pulled was looked at, which a job does every minute."""
        wanted = {row.repository for row in log}
        deadline = time.monotonic() + 2 * PATIENCE
        while any(None in self.rows(each, "platform") for each in wanted):
            assert time.monotonic() < deadline, "platforms are not looked at"
            time.sleep(1)


class Puller:
    """One connection that pulls at random and notes what it was answered."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self._shop = shop
        self._random = random.Random(seed)
        self.log: list[Answered] = []
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def pull(self, times: int) -> None:
        """Pull so often; a connection that breaks is the end."""
        host, port = "127.0.0.1", self._shop.server.port
        self._reader, self._writer = await asyncio.open_connection(host, port)
        try:
            for _ in range(times):
                await self._pull()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self._writer.close()

    async def _pull(self) -> None:
        pick, shop = self._random, self._shop
        repository, agent = pick.choice(REPOSITORIES), pick.choice(AGENTS)
        person = pick.choice(PEOPLE)
        if pick.random() < 0.1:
            await self._get("GET", repository, shop.untagged[repository], "", (person, agent))
            return
        tag = pick.choice(sorted(shop.tags[repository]))
        image = shop.tags[repository][tag]
        if image.children:
            await self._get("GET", repository, image, tag, (person, agent))
            await self._get("GET", repository, pick.choice(image.children), "", (person, agent))
        elif pick.random() < 0.5:
            await self._get("GET", repository, image, tag, (person, agent))
        else:
            await self._get("HEAD", repository, image, tag, (person, agent))
            await self._get("GET", repository, image, "", (person, agent))

    async def _get(self, method: str, repository: str, image: Image, tag: str, who: tuple[str, str]) -> None:
        person, agent = who
        sent = await self._ask(method, f"/v2/{repository}/manifests/{tag or image.digest}", person, agent)
        tags = (tag,) if tag else tuple(sorted(self._shop.leads.get((repository, image.digest), ())))
        self.log.append(
            Answered(
                time.monotonic(),
                repository,
                f"user:{person}",
                agent.partition(" ")[0].rpartition("/")[0] if "regsync" not in agent else "regclient/regsync",
                image.digest,
                self._shop.platforms.get(image.digest, ""),
                tags,
                method == "GET" and not image.children,
                sent,
            )
        )

    async def _ask(self, method: str, path: str, person: str, agent: str) -> int:
        assert self._reader is not None
        assert self._writer is not None
        basic = b64encode(f"{person}:{PASSWORD}".encode()).decode()
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {agent}\r\nAccept: {ACCEPT}\r\n"
            f"Authorization: Basic {basic}\r\n\r\n".encode()
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        length = 0 if method == "HEAD" else int(fields[b"content-length"])
        await self._reader.readexactly(length)
        return length


async def traffic(shop: Shop, pulls: int, seed: int, clients: int = 16) -> list[Answered]:
    """About so many pulls by several clients at once; the log of all of them."""
    pullers = [Puller(shop, seed * 1000 + each) for each in range(clients)]
    await asyncio.gather(*(each.pull(pulls // clients) for each in pullers))
    return [row for each in pullers for row in each.log]


def differences(shop: Shop, log: list[Answered]) -> list[str]:
    """Where what is counted is not what the log says."""
    found: list[str] = []

    def compare(what: str, counted: object, logged: object) -> None:
        if counted != logged:
            found.append(f"{what}: counted {counted}, logged {logged}")

    for repository in REPOSITORIES:
        own = [row for row in log if row.repository == repository]
        pulls = [row for row in own if row.pull]
        total = shop.counted(repository)["total"]
        compare(f"{repository} pulls", total["pulls"], len(pulls))
        compare(f"{repository} requests", total["pulls"] + total["indexes"] + total["checks"], len(own))
        compare(f"{repository} bytes", total["sent"], sum(row.sent for row in own))
        compare(f"{repository} tags", shop.rows(repository, "tag"), Counter(tag for row in pulls for tag in row.tags))
        for by in ("digest", "platform", "agent", "subject"):
            compare(f"{repository} by {by}", shop.rows(repository, by), Counter(getattr(row, by) for row in pulls))
        who = shop.api(200, "GET", f"/insights/who?repository={repository}&days=3&all=true&limit=500")["items"]
        compare(
            f"{repository} who",
            {(each["subject"], each["agent"]): each["pulls"] for each in who if each["pulls"]},
            Counter((row.subject, row.agent) for row in pulls),
        )
    return found
