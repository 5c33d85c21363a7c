"""Roll-up against a small model: images, indexes, tags that move, and pulls of all kinds, in any order."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.insights.counted import Counting, use
from tests.registry.house import House, Place, index

from holdfast.access.usage.feed import FedUse
from holdfast.insights.model import Dim
from holdfast.oci.digest import Digest

IMAGES, TAGS = 3, ("a", "b", "c")
_target = st.integers(0, IMAGES)  # the last one is an index over the first two images
_step = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(TAGS), _target),
    st.tuples(st.just("get"), st.sampled_from(TAGS), st.integers(1, 3)),
    st.tuples(st.just("head"), st.sampled_from(TAGS), st.integers(1, 3)),
    st.tuples(st.just("digest"), _target, st.integers(1, 3)),
    st.tuples(st.just("told"), st.just(0), st.just(0)),
)


class Model:
    """What every count has to be."""

    def __init__(self) -> None:
        self.tags: dict[str, int] = {}
        self.total: Counter[str] = Counter()
        self.by_tag: Counter[str] = Counter()
        self.by_digest: Counter[int] = Counter()

    def leads(self, target: int) -> list[str]:
        """The tags that lead to an image or index now."""
        return [tag for tag, to in self.tags.items() if to == target or (to == IMAGES and target < 2)]

    def get(self, target: int, tags: list[str], times: int) -> None:
        if target == IMAGES:
            self.total["indexes"] += times
            return
        self.total["pulls"] += times
        self.by_digest[target] += times
        for tag in tags:
            self.by_tag[tag] += times


async def walked(house: House, steps: list[tuple[str, object, int]]) -> None:
    counting, model = Counting(house), Model()
    images = [await house.image(name=f"n{n}") for n in range(IMAGES)]
    things = [*images, index(images[0], images[1])]
    digests = [Digest.of(each) for each in things]
    await house.manifest(things[-1])
    await counting.begin()
    for kind, what, times in steps:
        house.clock.move(1_000)
        fed: FedUse | None = None
        if kind == "move":
            await house.manifest(things[times], str(what))
            model.tags[str(what)] = times
        elif kind == "digest":
            target = int(str(what))
            model.get(target, model.leads(target), times)
            fed = use(digests[target], times=times)
        elif kind in ("get", "head") and what in model.tags:
            target = model.tags[str(what)]
            if kind == "get":
                model.get(target, [str(what)], times)
            else:
                model.total["checks"] += times
            fed = use(digests[target], str(what), head=kind == "head", times=times)
        elif kind == "told":
            await counting.turn()
        if fed is not None:
            await counting.feed(fed)
    await counting.turn()
    assert {name: counting.total(name) for name in ("pulls", "indexes", "checks")} == {
        name: model.total[name] for name in ("pulls", "indexes", "checks")
    }
    assert counting.sums(Dim.TAG) == dict(model.by_tag)
    assert counting.sums(Dim.DIGEST) == {digests[target]: times for target, times in model.by_digest.items()}
    assert sum(counting.who().values()) == model.total["pulls"]
    recent = {name: pulls for name, (pulls, _) in counting.recent().items() if name and pulls}
    assert recent == dict(model.by_tag)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_step, max_size=25))
def test_roll_up_is_what_the_model_says(steps: list[tuple[str, object, int]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        Place(Path(root)).run(lambda house: walked(house, steps))
