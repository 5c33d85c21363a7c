"""What is benign, and looks odd: release nights, new clusters and offices, new addresses of CI, and more."""

from __future__ import annotations

from bench.unusual.traffic import Actor, World, private, public
from holdfast.unusual.model import SECOND

SHOCKS = (
    "release night",
    "new cluster",
    "new office",
    "new CI addresses",
    "new client",
    "new subjects",
    "space renamed",
    "on call at night",
    "broken job",
    "back from leave",
    "new mirror",
    "everything rebuilt",
    "new laptop",
)


def prepare(world: World) -> None:
    """What changes habits: before everybody lives."""
    chance = world.random
    for actor in chance.sample(world.of("user:"), 40):
        gone = chance.randrange(15, world.days - 22)
        actor.away |= set(range(gone, gone + chance.randint(7, 21)))
    for actor in chance.sample(world.of("user:"), 2):
        actor.away |= set(range(20, chance.randint(57, 64)))
    people, robots = world.of("user:")[:10], world.of("robot:team")[:10]
    for n, model in enumerate((*people, *robots)):
        joined = chance.randrange(15, world.days - 10)
        kind, _, name = model.name.partition(":")
        new = Actor(**{**model.__dict__, "name": f"{kind}:new{n}{name}", "credential": f"key:{1000 + n}"})
        new.joined, new.away, new.repositories = joined, set(), list(model.repositories)
        world.actors.append(new)
    mirror = world.of("robot:ops+mirror")[0]
    new = Actor(**{**mirror.__dict__, "name": "robot:ops+newmirror", "credential": "key:1100"})
    new.joined = chance.randrange(20, 50)
    world.actors.append(new)


def strike(world: World) -> None:
    """What comes on top of habits."""
    _release_nights(world)
    _new_clusters(world)
    _new_office(world)
    _new_addresses(world)
    _new_client(world)
    _renamed(world)
    _people(world)
    _robots(world)


def _release_nights(world: World) -> None:
    chance = world.random
    for day in (chance.randrange(18, 38), chance.randrange(40, 66)):
        released = chance.sample(world.repositories, 60)
        for actor in chance.sample(world.of("user:", "robot:team"), 110):
            start = world.at(day, chance.uniform(21.5, 23.5))
            for n, repository in enumerate(chance.sample(released, chance.randint(4, 25))):
                own = repository if chance.random() < 0.3 else chance.choice(actor.repositories)
                world.pull(actor, start + n * 40 * SECOND, own, times=chance.randint(1, 5))


def _new_clusters(world: World) -> None:
    chance = world.random
    for actor in chance.sample(world.of("robot:team"), 3):
        network = chance.choice((private(chance), public(chance), f"10.{chance.randrange(60, 90)}.4.0/24"))
        day = chance.randrange(20, world.days - 5)
        for each in range(day, world.days):
            start = world.at(each, chance.uniform(0, 22))
            for n, repository in enumerate(actor.repositories):
                world.pull(actor, start + n * 5 * SECOND, repository, network=network)


def _new_office(world: World) -> None:
    chance = world.random
    network, day = chance.choice((public(chance), private(chance))), chance.randrange(20, world.days - 5)
    for actor in chance.sample(world.of("user:"), 35):
        for each in range(day, world.days):
            if each % 7 < 5 and each not in actor.away and chance.random() < 0.5:
                world.pull(
                    actor, world.at(each, chance.uniform(9, 17)), chance.choice(actor.repositories), network=network
                )


def _new_addresses(world: World) -> None:
    chance = world.random
    day = chance.randrange(20, world.days - 8)
    fixed = [each for each in world.of("robot:team") if "+ci" in each.name and not each.rotates]
    for actor in chance.sample(fixed, 4):
        for each in range(day, world.days):
            network = public(chance)
            for repository in actor.repositories:
                world.pull(actor, world.at(each, chance.uniform(*actor.hours)), repository, network=network)


def _new_client(world: World) -> None:
    chance = world.random
    day, agent = chance.randrange(20, world.days - 8), "buildah"
    for actor in chance.sample([each for each in world.of("robot:team") if "+ci" in each.name], 30):
        begins = day + chance.randrange(6)
        for each in range(begins, world.days):
            world.pull(actor, world.at(each, chance.uniform(*actor.hours)), actor.repositories[0], agent=agent)


def _renamed(world: World) -> None:
    chance = world.random
    day = chance.randrange(20, world.days - 8)
    for actor in chance.sample(world.of("user:", "robot:team"), 40):
        for n in range(chance.randint(1, 4)):
            begins = day + chance.randrange(5)
            world.pull(actor, world.at(begins, chance.uniform(*actor.hours)), f"renamed/app{n}")


def _people(world: World) -> None:
    chance = world.random
    for actor in chance.sample(world.of("user:person"), 6):
        start = world.at(chance.randrange(18, world.days), chance.uniform(1, 3))
        for n in range(chance.randint(5, 14)):  # on call at night
            world.pull(actor, start + n * 240 * SECOND, chance.choice(actor.repositories), times=2)
    for actor in chance.sample(world.of("user:person"), 6):
        start = world.at(chance.randrange(18, world.days), chance.uniform(actor.hours[0], actor.hours[1]))
        for n, repository in enumerate(actor.repositories):  # a new laptop
            world.pull(actor, start + n * 30 * SECOND, repository, size=900_000_000)


def _robots(world: World) -> None:
    chance = world.random
    for actor in chance.sample(world.of("robot:team"), 6):
        start = world.at(chance.randrange(18, world.days), chance.uniform(*actor.hours))
        for n in range(40):  # a broken job
            world.refuse(actor, start + n * 60 * SECOND, actor.repositories[0], chance.randint(1, 9))
    for actor in chance.sample(world.of("robot:team"), 6):
        start = world.at(chance.randrange(18, world.days), chance.uniform(*actor.hours))
        for n, repository in enumerate(actor.repositories):  # everything rebuilt
            world.pull(actor, start + n * 3 * SECOND, repository, times=4, size=2_000_000_000)
