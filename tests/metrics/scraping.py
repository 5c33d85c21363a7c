"""What a scraper sees of `/metrics`, and every family that the program declares."""

from __future__ import annotations

import http.client
import importlib
import pkgutil
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

import holdfast
from holdfast.telemetry.family import Family, Kind

PATIENCE = 30.0
Series = tuple[str, frozenset[tuple[str, str]]]


class Scrape(NamedTuple):
    """A page: its text, and its numbers by name and labels."""

    text: str
    numbers: Mapping[Series, float]
    types: Mapping[str, str]

    def of(self, name: str, **labels: str) -> float:
        """The sum of the series that have these labels; 0 where there is none."""
        wanted = set(labels.items())
        return sum(value for (known, held), value in self.numbers.items() if known == name and wanted <= held)

    def has(self, name: str) -> bool:
        """Whether there is a series of that name."""
        return any(known == name for known, _ in self.numbers)


def scrape(port: int, authorization: str = "", path: str = "/metrics") -> Scrape:
    """Read the page, over a connection of its own."""
    status, text, _ = ask(port, authorization, path)
    assert status == 200, text
    return read(text)


def ask(
    port: int, authorization: str = "", path: str = "/metrics", accept: str = ""
) -> tuple[int, str, Mapping[str, str]]:
    """Ask for the page: status, body, headers (names in lower case)."""
    headers = {"Authorization": authorization} if authorization else {}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", path, headers={**headers, **({"Accept": accept} if accept else {})})
        answer = connection.getresponse()
        body = answer.read().decode()
    return answer.status, body, {name.lower(): value for name, value in answer.getheaders()}


def read(text: str) -> Scrape:
    """A page in the text format."""
    numbers: dict[Series, float] = {}
    types = {}
    for family in text_string_to_metric_families(text):
        types[family.name] = family.type
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in numbers, key
            numbers[key] = sample.value
    return Scrape(text, numbers, types)


def declared() -> dict[str, Family]:
    """Every family of the program, by name, found by walking its modules."""
    found: dict[str, Family] = {}
    for each in pkgutil.walk_packages(holdfast.__path__, "holdfast."):
        if each.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(each.name)).values():
            if isinstance(value, Family):
                assert found.setdefault(value.name, value) == value, f"{value.name} means two things"
    return found


def shown(family: Family) -> str:
    """The name of a family as queries use it."""
    return family.name + ("_total" if family.kind is Kind.COUNTER else "")
