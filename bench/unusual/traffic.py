"""Generated traffic of a registry over weeks: people, CI, clusters, scanners, mirrors, whoever comes without a name.

The same seed gives the same stream. What is done within some minutes is one row, as the feed of use folds it. Benign
shocks are part of it (shocks.py); attacks are planted afterwards (attacks.py).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from holdfast.unusual.model import DAY, HOUR, SECOND, Seen

MINUTE = 60 * SECOND
START = 19_723 * DAY
"""A Monday."""
SPACES = 24
REPOSITORIES = 240
VAULT = [f"vault/secret{n}" for n in range(6)]
"""Repositories that two robots use, and whoever looks at everything."""


@dataclass
class Actor:
    """A subject and its habits. `hours`: when it is active; `daily`: chance to be active on a working day, at a
    week-end; `rotates`: it comes from a new network each day."""

    name: str
    credential: str
    agent: str
    networks: list[str]
    repositories: list[str]
    hours: tuple[int, int]
    daily: tuple[float, float]
    sessions: tuple[int, int]
    breadth: tuple[int, int]
    joined: int = 0
    rotates: bool = False
    roams: float = 0.0
    wanders: float = 0.0
    away: set[int] = field(default_factory=set)


@dataclass
class World:
    """Everybody, everything, and what happens. `days`: of the whole run."""

    seed: int
    days: int
    random: random.Random
    actors: list[Actor]
    repositories: list[str]
    rows: list[Seen] = field(default_factory=list)

    def at(self, day: int, hour: float) -> int:
        """A moment."""
        return START + day * DAY + int(hour * HOUR)

    def pull(
        self,
        actor: Actor,
        at: int,
        repository: str,
        *,
        network: str = "",
        agent: str = "",
        times: int = 0,
        size: int = 0,
    ) -> None:
        """One subject pulls from one repository within some seconds."""
        times = times or self.random.choice((1, 1, 2, 2, 3))
        size = size or int(self.random.lognormvariate(17.0, 1.5))
        where = network or self.random.choice(actor.networks)
        self.rows.append(
            Seen(
                actor.name,
                actor.credential,
                where,
                agent or actor.agent,
                repository,
                True,
                times * 3,
                times,
                size,
                at,
            )
        )

    def refuse(self, actor: Actor, at: int, repository: str, times: int = 1, *, network: str = "") -> None:
        """One subject is refused."""
        where = network or actor.networks[0]
        self.rows.append(Seen(actor.name, actor.credential, where, actor.agent, repository, False, times, 0, 0, at))

    def of(self, *prefixes: str) -> list[Actor]:
        """The subjects whose names begin so."""
        return [actor for actor in self.actors if actor.name.startswith(prefixes)]


def private(chance: random.Random) -> str:
    """A network inside a company."""
    return f"10.{chance.randrange(30)}.{chance.randrange(256)}.0/24"


def public(chance: random.Random) -> str:
    """A network of the Internet."""
    while True:
        first = chance.randrange(11, 223)
        if first not in (100, 127, 169, 172, 192, 198, 203):
            return f"{first}.{chance.randrange(256)}.{chance.randrange(256)}.0/24"


def populate(seed: int, days: int = 70) -> World:
    """Everybody, before anything happens."""
    chance = random.Random(seed)
    spaces = [f"team{n:02}" for n in range(SPACES)]
    repositories = [f"{chance.choice(spaces)}/app{n:03}" for n in range(REPOSITORIES)] + [
        f"base/image{n}" for n in range(12)
    ]
    world = World(seed, days, chance, [], repositories)
    office = [private(chance) for _ in range(4)]
    for n in range(120):
        world.actors.append(_person(world, n, office))
    for n in range(80):
        world.actors.append(_ci(world, n))
    for n in range(45):
        world.actors.append(_cluster(world, n))
    for actor in world.actors[-2:]:
        actor.repositories += VAULT
    for n in range(12):
        world.actors.append(_weekly(world, n))
    for n in range(4):
        name = f"robot:ops+scan{n}"
        world.actors.append(_sweeper(world, name, f"key:{800 + n}", "trivy", (2, 3), (1, 1)))
    for n in range(3):
        name = f"robot:ops+mirror{n}"
        world.actors.append(_sweeper(world, name, f"key:{820 + n}", "skopeo", (0, 23), (3, 6)))
    for _ in range(40):
        network = public(chance)
        some = chance.sample(repositories[-12:], 3)
        world.actors.append(
            Actor(f"anonymous {network}", "", "docker", [network], some, (0, 23), (0.5, 0.3), (1, 3), (1, 3))
        )
    return world


def _some(world: World, spaces: int, most: int) -> list[str]:
    chance = world.random
    own = chance.sample(sorted({each.partition("/")[0] for each in world.repositories if each[0] == "t"}), spaces)
    inside = [each for each in world.repositories if each.partition("/")[0] in own]
    return chance.sample(inside, min(len(inside), most)) + chance.sample(world.repositories[-12:], chance.randint(1, 4))


def _person(world: World, n: int, office: list[str]) -> Actor:
    chance = world.random
    networks = [chance.choice(office), public(chance)][: chance.choice((1, 2, 2))]
    start = chance.choice((7, 8, 9, 9, 10, 13))
    return Actor(
        f"user:person{n:03}",
        chance.choice(("password", f"key:{n}")),
        chance.choice(("docker", "docker", "docker", "podman", "containers")),
        networks,
        _some(world, chance.randint(1, 3), chance.randint(4, 25)),
        (start, start + 9),
        (chance.uniform(0.3, 0.9), chance.choice((0.0, 0.0, 0.02, 0.1))),
        (1, 4),
        (1, 6),
        roams=chance.choice((0.0, 0.0, 0.01, 0.05, 0.2)),
        wanders=chance.choice((0.01, 0.05, 0.15)),
    )


def _ci(world: World, n: int) -> Actor:
    chance = world.random
    rotates = chance.random() < 0.2
    pool = [public(chance)] if chance.random() < 0.4 else [private(chance) for _ in range(chance.choice((1, 1, 2, 4)))]
    return Actor(
        f"robot:team{n % SPACES:02}+ci{n}",
        f"key:{200 + n}",
        chance.choice(("docker", "buildkit", "docker", "podman", "kaniko")),
        pool,
        _some(world, 1, chance.randint(1, 8)),
        chance.choice(((0, 23), (7, 20), (6, 22))),
        (0.98, chance.choice((0.2, 0.9, 0.0))),
        (5, 40),
        (1, 4),
        rotates=rotates,
        wanders=chance.choice((0.0, 0.01, 0.03)),
    )


def _cluster(world: World, n: int) -> Actor:
    chance = world.random
    networks = [private(chance) for _ in range(chance.choice((1, 2, 3)))]
    some = _some(world, chance.randint(1, 4), chance.randint(5, 40))
    return Actor(
        f"robot:team{n % SPACES:02}+cluster{n}",
        f"key:{400 + n}",
        "containerd",
        networks,
        some,
        (0, 23),
        (1.0, 0.95),
        (6, 30),
        (1, 5),
        wanders=0.02,
    )


def _weekly(world: World, n: int) -> Actor:
    chance = world.random
    name, credential = f"robot:ops+report{n}", f"key:{600 + n}"
    hour = chance.randrange(24)
    actor = Actor(
        name, credential, "crane", [private(chance)], _some(world, 1, 5), (hour, hour), (1, 1), (1, 2), (2, 5)
    )
    every = chance.choice((7, 7, 14, 28))
    actor.away = {day for day in range(world.days) if day % every != n % every}
    return actor


def _sweeper(
    world: World, name: str, credential: str, agent: str, hours: tuple[int, int], sessions: tuple[int, int]
) -> Actor:
    everything = [*world.repositories, *VAULT]
    most = (len(everything) - 5, len(everything))
    return Actor(name, credential, agent, [private(world.random)], everything, hours, (1, 1), sessions, most)


def live(world: World) -> None:
    """Let everybody do what they always do, with the small irregularities of every day."""
    for actor in world.actors:
        for day in range(actor.joined, world.days):
            if day in actor.away:
                continue
            chance = world.random.random()
            if chance < actor.daily[day % 7 >= 5]:
                _day(world, actor, day)
            elif actor.name.startswith("user:") and chance > 0.995:  # late in the evening, or at night
                hour = world.random.choice((22.5, 23.2, 1.0, 5.5))
                for repository in world.random.sample(actor.repositories, min(3, len(actor.repositories))):
                    world.pull(actor, world.at(day, hour), repository)


def _day(world: World, actor: Actor, day: int) -> None:
    chance = world.random
    network = ""
    if actor.rotates:
        actor.networks = [public(chance)]
    elif actor.roams and chance.random() < actor.roams:
        network = public(chance)
    if actor.wanders and chance.random() < actor.wanders:
        actor.repositories.append(chance.choice(world.repositories))
    for _ in range(chance.randint(*actor.sessions)):
        at = world.at(day, chance.uniform(actor.hours[0], actor.hours[1] + 0.99))
        many = min(len(actor.repositories), chance.randint(*actor.breadth))
        for n, repository in enumerate(chance.sample(actor.repositories, many)):
            world.pull(actor, at + n * 8 * SECOND, repository, network=network)
    if chance.random() < 0.03:
        world.refuse(actor, world.at(day, chance.uniform(*actor.hours)), chance.choice(world.repositories) + "x", 2)
