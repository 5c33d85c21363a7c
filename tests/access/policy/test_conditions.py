"""When conditions hold: tables."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from holdfast.access.errors import Invalid
from holdfast.access.policy.conditions import failing
from holdfast.access.policy.model import Circumstances, Conditions, TimeWindow
from holdfast.access.policy.written import read_conditions, write_conditions


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("network", "address", "inside"),
    [
        ("10.0.0.0/8", "10.255.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("2001:db8::/32", "2001:db8:1::1", True),
        ("2001:db8::/32", "10.0.0.1", False),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("0.0.0.0/0", "", False),
        ("10.0.0.0/8", "not an address", False),
        ("fe80::/10", "fe80::1%eth0", True),
    ],
)
def test_networks(network: str, address: str, inside: bool) -> None:
    conditions = Conditions(networks=(ip_network(network),))
    assert (failing(conditions, Circumstances(address, 1)) is None) == inside


DAYTIME = TimeWindow(start=8 * 60, end=18 * 60)
NIGHT = TimeWindow(days=(4,), start=22 * 60, end=6 * 60)  # from Friday evening to Saturday morning


@pytest.mark.parametrize(
    ("window", "moment", "open_"),
    [
        (DAYTIME, "2026-11-20T08:00", True),
        (DAYTIME, "2026-11-20T17:59:59", True),
        (DAYTIME, "2026-11-20T18:00", False),
        (DAYTIME, "2026-11-20T07:59:59", False),
        (NIGHT, "2026-11-20T22:00", True),
        (NIGHT, "2026-11-21T05:59", True),
        (NIGHT, "2026-11-21T06:00", False),
        (NIGHT, "2026-11-20T05:59", False),
        (NIGHT, "2026-11-21T22:00", False),
        (TimeWindow(days=(4,)), "2026-11-20T00:00", True),
        (TimeWindow(days=(4,)), "2026-11-21T00:00", False),
        (DAYTIME._replace(zone="Europe/Berlin"), "2026-11-20T07:00", True),
        (DAYTIME._replace(zone="Europe/Berlin"), "2026-07-20T06:00", True),
        (DAYTIME._replace(zone="Europe/Berlin"), "2026-11-20T06:59", False),
        (TimeWindow(days=(0,), zone="Asia/Tokyo"), "2026-11-22T15:00", True),
        (TimeWindow(not_before=at("2026-11-20T00:00")), "2026-11-19T23:59", False),
        (TimeWindow(not_before=at("2026-11-20T00:00")), "2026-11-20T00:00", True),
        (TimeWindow(not_after=at("2026-11-20T00:00")), "2026-11-20T00:00", False),
    ],
)
def test_times(window: TimeWindow, moment: str, open_: bool) -> None:
    assert (failing(Conditions(times=(window,)), Circumstances("", at(moment))) is None) == open_


@pytest.mark.parametrize(
    ("wanted", "claims", "good"),
    [
        ({"ref": "refs/heads/main"}, {"ref": "refs/heads/main"}, True),
        ({"ref": "refs/heads/*"}, {"ref": "refs/heads/a/b"}, True),
        ({"ref": "refs/heads/*"}, {"ref": "xrefs/heads/a"}, False),
        ({"ref": "main"}, {"ref": "maintenance"}, False),
        ({"ref": "[a-z]?"}, {"ref": "ab"}, False),
        ({"ref": "main"}, {}, False),
        ({"ref": "main", "env": "prod"}, {"ref": "main"}, False),
    ],
)
def test_claims(wanted: dict[str, str], claims: dict[str, str], good: bool) -> None:
    assert (failing(Conditions(claims=wanted), Circumstances("", 1, claims)) is None) == good


def test_what_is_written_is_read_again() -> None:
    written = {
        "networks": ["10.0.0.0/8"],
        "times": [
            {
                "days": ["mon", "sun"],
                "start": "08:05",
                "end": "18:00",
                "zone": "Europe/Berlin",
                "not_before": "2026-01-01T00:00:00Z",
                "not_after": "2026-12-31T23:59:59.500000Z",
            },
            {},
        ],
        "claims": {"ref": "v*"},
    }
    assert write_conditions(read_conditions(written)) == written
    assert read_conditions(None) == Conditions() == read_conditions({})
    mapped = read_conditions({"networks": ["::ffff:10.0.0.0/104"]})
    assert write_conditions(mapped) == {"networks": ["10.0.0.0/8"]}


@pytest.mark.parametrize(
    "written",
    [
        [],
        "x",
        {"hours": 1},
        {"networks": ["10.0.0.0/8"] * 65},
        {"times": [{"start": "24:00"}]},
        {"times": [{"start": "08:60"}]},
        {"times": [{"days": [1]}]},
        {"times": [{"not_before": "2026-01-01T00:00:00"}]},
        {"times": [{"not_before": "2026-01-02T00:00:00Z", "not_after": "2026-01-01T00:00:00Z"}]},
        {"claims": {"a": ""}},
        {"claims": {"a": "b\n"}},
        {"claims": {str(n): "x" for n in range(17)}},
    ],
)
def test_what_is_no_condition(written: object) -> None:
    with pytest.raises(Invalid):
        read_conditions(written)
