"""The workloads on lists: tags pages and pulls in repositories of many tags, and referrers."""

import json
import random
from dataclasses import dataclass

from bench.connection import Connection, expect
from bench.content import KIB, Image, image
from bench.load import Job
from bench.protocol import ACCEPT, get, put_image, put_manifest
from bench.reads import Request, fetching
from bench.workload import OURS, Stage, Unsupported, Workload, layers

TAGS = 1000
PAGE = 100
REFERRERS = 10
_SAMPLE = 1000
_MOVED = 128
"""the tags before this one are moved by another workload, so no pull expects their bytes"""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A repository of `count` tags, all of which name `first`."""

    repository: str
    count: int
    first: Image
    second: Image

    def tag(self, number: int) -> str:
        """The name of a tag by its place in the list, which is sorted."""
        return f"v{number:07d}"


def _images() -> tuple[Image, Image]:
    layer = layers(4 * KIB).blob("tagged")
    return image(layer, "tagged first"), image(layer, "tagged second")


def tagged_repository(stage: Stage) -> Tagged:
    """A repository of 10^3 tags, pushed tag by tag."""
    tagged = Tagged("bench/tagged", TAGS, *_images())
    with stage.connect() as connection:
        put_image(connection, tagged.repository, "v", tagged.second)
        put_image(connection, tagged.repository, tagged.tag(0), tagged.first)
        for number in range(1, TAGS):
            put_manifest(connection, tagged.repository, tagged.tag(number), tagged.first.manifest)
    return tagged


def crowded_repository(stage: Stage) -> Tagged:
    """A repository of 10^5 or 10^6 tags, written straight into holdfast's database."""
    from bench.seed import seed_tags  # needs the database driver, which only holdfast's own environment has

    tagged = Tagged("bench/crowded", stage.scale.tags, *_images())
    with stage.connect() as connection:
        put_image(connection, tagged.repository, "v", tagged.second)
        put_image(connection, tagged.repository, tagged.tag(0), tagged.first)
    names = (tagged.tag(number) for number in range(1, tagged.count))
    seed_tags(stage.server.data, tagged.repository, tagged.tag(0), names)
    return tagged


def _pulls(stage: Stage, tagged: Tagged) -> Job:
    numbers = random.Random(11).choices(range(_MOVED, tagged.count), k=_SAMPLE)
    manifest = tagged.first.manifest
    with stage.connect() as connection:
        return fetching(
            [
                Request(
                    connection.request("GET", f"/v2/{tagged.repository}/manifests/{tagged.tag(n)}", (ACCEPT,)),
                    len(manifest.data),
                    manifest.digest,
                )
                for n in numbers
            ]
        )


def _pages(stage: Stage, name: str, tagged: Tagged) -> Job:
    """Pages from all over the list; a server that ignores `n` is measured with what it sends, and noted."""
    numbers = random.Random(13).choices(range(_MOVED, tagged.count - PAGE - 1), k=32)
    requests = []
    with stage.connect() as connection:
        for number in numbers:
            target = f"/v2/{tagged.repository}/tags/list?n={PAGE}&last={tagged.tag(number)}"
            answer = expect(get(connection, target), 200)
            tags = json.loads(answer.body)["tags"]
            if len(tags) != PAGE:
                stage.notes[name] = f"sends {len(tags):,} tags when asked for {PAGE}"
            elif tags != [tagged.tag(n) for n in range(number + 1, number + 1 + PAGE)]:
                raise Unsupported(f"the page after {tagged.tag(number)} is wrong: {tags[:3]} ...")
            requests.append(Request(connection.request("GET", target), answer.length))
    return fetching(requests)


def _referrers(stage: Stage) -> Job:
    repository = "bench/referrers"
    layer = layers(4 * KIB).blob("subject")
    subject = image(layer, "subject")
    with stage.connect() as connection:
        put_image(connection, repository, "subject", subject)
        for number in range(REFERRERS):
            referrer = image(layer, f"referrer {number}", subject.manifest)
            put_image(connection, repository, referrer.manifest.digest, referrer)
        return fetching([_referrers_request(connection, repository, subject)])


def _referrers_request(connection: Connection, repository: str, subject: Image) -> Request:
    target = f"/v2/{repository}/referrers/{subject.manifest.digest}"
    answer = get(connection, target)
    if answer.status != 200:
        raise Unsupported(f"no referrers: answers {answer.status}")
    count = len(json.loads(answer.body)["manifests"])
    if count != REFERRERS:
        raise Unsupported(f"lists {count} of {REFERRERS} referrers")
    return Request(connection.request("GET", target), answer.length)


WORKLOADS: tuple[Workload, ...] = (
    Workload(
        "manifest-tagged",
        f"manifest GET, {TAGS:,} tags",
        lambda stage: _pulls(stage, stage.once("tagged", tagged_repository)),
    ),
    Workload(
        "manifest-crowded",
        "manifest GET, most tags",
        lambda stage: _pulls(stage, stage.once("crowded", crowded_repository)),
        kinds=OURS,
    ),
    Workload(
        "page-tagged",
        f"tags page of {PAGE}, {TAGS:,} tags",
        lambda stage: _pages(stage, "page-tagged", stage.once("tagged", tagged_repository)),
    ),
    Workload(
        "page-crowded",
        f"tags page of {PAGE}, most tags",
        lambda stage: _pages(stage, "page-crowded", stage.once("crowded", crowded_repository)),
        kinds=OURS,
    ),
    Workload("referrers", f"referrers, {REFERRERS} of a subject", _referrers),
)
