"""Attacks that are planted: each on a subject with an ordinary past, once its baseline has some weeks."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bench.unusual.traffic import VAULT, Actor, World, public
from holdfast.unusual.model import HOUR, SECOND

FROM_DAY = 35


class Attack(NamedTuple):
    """What was planted: of what kind, as whom, from when to when."""

    kind: str
    subject: str
    begins: int
    ends: int


def plant(world: World, of_each: int = 3) -> list[Attack]:
    """Plant some of each kind; nobody is attacked twice."""
    chance = world.random
    quiet = [
        each
        for each in world.of("user:person", "robot:team")
        if len(each.away) < 15 and not each.joined and VAULT[0] not in each.repositories
    ]
    chance.shuffle(quiet)
    planted = []
    for kind, (fits, attack) in ATTACKS.items():
        for _ in range(of_each):
            victim = next(each for each in quiet if fits(each))
            quiet.remove(victim)
            hour = chance.uniform(victim.hours[0], victim.hours[1])
            begins = world.at(chance.randrange(FROM_DAY, world.days - 2), hour)
            before = len(world.rows)
            attack(world, victim, begins)
            planned = [each.at for each in world.rows[before:] if each.at >= world.at(FROM_DAY - 1, 0)]
            planted.append(Attack(kind, victim.name, min(planned), max(planned)))
    return planted


def _anybody(_actor: Actor) -> bool:
    return True


def _steady(actor: Actor) -> bool:
    return not actor.rotates and not actor.roams


def _robot(actor: Actor) -> bool:
    return actor.name.startswith("robot:")


def _steal(world: World, victim: Actor, at: int, *, agent: str = "") -> None:
    network = public(world.random)
    for n in range(world.random.randint(2, 8)):
        repository = world.random.choice(victim.repositories)
        world.pull(victim, at + n * 30 * SECOND, repository, network=network, agent=agent)


def _stolen(world: World, victim: Actor, at: int) -> None:
    _steal(world, victim, at)


def _stolen_by_other_client(world: World, victim: Actor, at: int) -> None:
    _steal(world, victim, at, agent=world.random.choice(("curl", "crane", "python-requests", "regclient", "docker")))


def _other_client(world: World, victim: Actor, at: int) -> None:
    agent = world.random.choice(("curl", "python-requests", "regclient", "oras", "Wget"))
    for n in range(world.random.randint(3, 12)):
        world.pull(victim, at + n * 20 * SECOND, world.random.choice(victim.repositories), agent=agent)


def _foreign(world: World, victim: Actor, at: int) -> None:
    own = {each.partition("/")[0] for each in victim.repositories}
    others = [each for each in world.repositories[:-12] if each.partition("/")[0] not in own]
    for n, repository in enumerate(world.random.sample(others, world.random.randint(1, 5))):
        world.pull(victim, at + n * 60 * SECOND, repository)


def _vault(world: World, victim: Actor, at: int) -> None:
    for n, repository in enumerate(world.random.sample(VAULT, world.random.randint(1, 4))):
        world.pull(victim, at + n * 60 * SECOND, repository)


def _night(world: World, victim: Actor, at: int) -> None:
    start = at - at % (24 * HOUR) + int(world.random.uniform(1.0, 4.0) * HOUR)
    for n in range(world.random.randint(50, 150)):
        world.pull(victim, start + n * 20 * SECOND, world.random.choice(victim.repositories), times=1)


def _enumerate(world: World, victim: Actor, at: int) -> None:
    step = world.random.choice((1, 5, 20)) * SECOND
    for n in range(world.random.randint(30, 300)):
        world.refuse(victim, at + n * step, f"team{n % 40:02}/{'service' if n % 2 else 'app'}{n}")


def _slowly(world: World, victim: Actor, at: int) -> None:
    for n in range(120):
        world.refuse(victim, at + n * HOUR // 6, f"team{n % 40:02}/guess{n}")


def _everything(world: World, victim: Actor, at: int) -> None:
    many = world.random.randint(60, len(world.repositories))
    step = world.random.choice((1, 5, 15)) * SECOND
    for n, repository in enumerate(world.random.sample(world.repositories, many)):
        world.pull(victim, at + n * step, repository)


def _own_everything(world: World, victim: Actor, at: int) -> None:
    for n in range(60):
        world.pull(victim, at + n * 20 * SECOND, victim.repositories[n % len(victim.repositories)], size=4_000_000_000)


def _dead(world: World, victim: Actor, at: int) -> None:
    key = Actor(**{**victim.__dict__, "credential": f"key:{9000 + len(world.rows) % 900}"})
    for day in (2, 3, 4):
        world.pull(key, world.at(day, victim.hours[0]), victim.repositories[0])
    later = max(at, world.at(world.random.randint(40, world.days - 1), victim.hours[0]))
    for n in range(3):
        world.pull(key, later + n * 20 * SECOND, victim.repositories[0])


def _refused(world: World, victim: Actor, at: int) -> None:
    names = world.random.sample(world.repositories, world.random.randint(3, 8))
    for n in range(world.random.randint(60, 300)):
        world.refuse(victim, at + n * 5 * SECOND, world.random.choice(names))


def _twice(world: World, victim: Actor, at: int) -> None:
    network = public(world.random)
    for n in range(6):
        world.pull(victim, at + n * 60 * SECOND, victim.repositories[0])
        world.pull(victim, at + n * 60 * SECOND + 30 * SECOND, victim.repositories[-1], network=network)


ATTACKS: dict[str, tuple[Callable[[Actor], bool], Callable[[World, Actor, int], None]]] = {
    "network (other client)": (_anybody, _stolen_by_other_client),
    "network (same client)": (_steady, _stolen),
    "agent": (_robot, _other_client),
    "repository (many use it)": (_anybody, _foreign),
    "repository (few use it)": (_steady, _vault),
    "hours": (lambda actor: actor.hours[0] >= 7, _night),
    "enumeration": (_anybody, _enumerate),
    "enumeration (6 an hour)": (_anybody, _slowly),
    "bulk": (_anybody, _everything),
    "bulk (bytes)": (lambda actor: not actor.name.startswith("robot:ops"), _own_everything),
    "dead-key": (_anybody, _dead),
    "denials": (_anybody, _refused),
    "apart": (lambda actor: actor.name.startswith("user:") and _steady(actor), _twice),
}
