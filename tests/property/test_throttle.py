"""Whatever is tried in whichever order: nobody is delayed by failures that are not his network's or his address's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdfast.access.throttle import Throttle, ThrottleSettings, network_block, single_address
from holdfast.journal.model import Origin

SETTINGS = ThrottleSettings(free=2, accounts=3, first=1.0, cap=30.0, forget=100.0, trust=50.0)
ACCOUNTS = ("alice", "bob", "carol", "dave")
ADDRESSES = ("192.0.2.7", "192.0.2.9", "198.51.100.1", "2001:db8::1", "2001:db8::2", "")
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("fail", "again", "succeed", "pass")),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(ADDRESSES),
        st.integers(0, 60),
    ),
    max_size=40,
)


@given(EVENTS)
def test_only_ones_own_failures_delay(events: list[tuple[str, str, str, int]]) -> None:
    now = 1000.0
    throttle = Throttle(SETTINGS, lambda: now)
    failed: dict[tuple[str, str], set[str]] = {}
    tried: dict[str, set[str]] = {}
    for number, (kind, account, address, seconds) in enumerate(events):
        origin = Origin("r", address)
        if kind == "pass":
            now += seconds
        elif kind == "succeed":
            throttle.succeeded(account, origin)
            assert throttle.trusts(account, origin)
        else:
            secret = "always the same" if kind == "again" else str(number)
            throttle.failed(account, origin, throttle.fingerprint(account, address, secret))
            failed.setdefault((account, network_block(address)), set()).add(secret + address)
            tried.setdefault(single_address(address), set()).add(account)
        for name in ACCOUNTS:
            for place in ADDRESSES:
                wait = throttle.wait(name, Origin("r", place))
                assert 0 <= wait <= SETTINGS.cap
                few = len(failed.get((name, network_block(place)), ())) < SETTINGS.free
                if few and len(tried.get(single_address(place), ())) < SETTINGS.accounts:
                    assert wait == 0
