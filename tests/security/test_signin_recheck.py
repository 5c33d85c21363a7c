"""Keys of people who sign in with a provider: they hold while the provider goes on to know their owner (issue 5).

On both databases, and with two workers: what one process learned holds at the next request of another one.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator

import pytest
from tests.browsing import Browser
from tests.console.conftest import FLAGS, Place
from tests.openid import OwnProvider, own_provider, real_provider
from tests.pairs import BOTH, Pair, pairs
from tests.serving import pause, running_server

HOUR = 3600 * 1_000_000
DEADLINE = 20.0


@pytest.fixture(scope="module", params=pairs(*BOTH), ids=str)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    pair: Pair = request.param
    with running_server(tmp_path_factory.mktemp("recheck"), *FLAGS, "--workers", "2", pair=pair) as server:
        yield Place(server)


@pytest.fixture
def corp(place: Place) -> Iterator[OwnProvider]:
    with own_provider() as provider:
        provider.claims = {"sub": f"s-{provider.port}", "preferred_username": f"u{provider.port}"}
        place.add_provider(f"p{provider.port}", provider.issuer)
        yield provider


class Holder:
    """A person with a key."""

    def __init__(self, place: Place, provider: OwnProvider) -> None:
        self.place = place
        self.provider = provider
        self.name = f"u{provider.port}"
        self.browser = Browser()
        self.sign_in()
        self.secret = place.make_key(self.browser)

    def sign_in(self) -> None:
        """Sign in, again."""
        assert self.place.sign_in(self.browser, f"p{self.provider.port}", self.provider).status == 200

    def uses(self) -> int:
        """The status that the key gets."""
        return self.place.with_key(self.name, self.secret)

    def comes_to(self, status: int) -> bool:
        """Whether the key gets this status before long."""
        deadline = time.monotonic() + DEADLINE
        while self.uses() != status:
            if time.monotonic() > deadline:
                return False
            pause(0.1)
        return True

    def age(self, by: int) -> None:
        """Let the provider's last word be older, for every process."""
        account = "(select id from account where name = ?)"
        for statement in (
            f"update provider_session set checked_at = checked_at - {by}, asked_at = asked_at - {by} "
            f"where account_id = {account} returning 1",
            f"update api_key set made_at = made_at - {by} where account_id = {account} returning 1",
        ):
            assert self.place.sql(statement, self.name) == [1]
        self.place.sql("update policy set version = version + 1 returning 1")
        self.place.sql(
            "update account set changed = (select version from policy) where name = ? returning 1", self.name
        )


@pytest.fixture
def holder(place: Place, corp: OwnProvider) -> Holder:
    made = Holder(place, corp)
    assert made.uses() == 200
    return made


def test_a_fresh_word_is_not_asked_for_again(corp: OwnProvider, holder: Holder) -> None:
    for _ in range(8):
        assert holder.uses() == 200
    assert corp.refreshes == 0


def test_an_old_word_is_asked_for_once(corp: OwnProvider, holder: Holder) -> None:
    """By one process of all, although the refresh token is replaced at each use."""
    holder.age(HOUR)
    threads = [threading.Thread(target=holder.uses) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert holder.comes_to(200)
    assert corp.refreshes == 1
    assert corp.refused == []
    holder.age(HOUR)
    assert holder.uses() == 200
    assert corp.refreshes == 2


def test_many_requests_after_a_long_time_are_all_served(corp: OwnProvider, holder: Holder) -> None:
    """The word is older than the grace: who does not ask waits for who does, whichever process that is."""
    holder.age(72 * HOUR)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(holder.uses())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [200] * 8
    assert corp.refreshes == 1


def test_a_refusal_holds_at_the_next_request(place: Place, corp: OwnProvider, holder: Holder) -> None:
    corp.refresh_answer = (400, {"error": "invalid_grant"})
    assert holder.uses() == 200, "its word is fresh"
    holder.age(HOUR)
    assert holder.uses() == 401
    assert [holder.uses() for _ in range(6)] == [401] * 6
    assert corp.refreshes == 1, "the provider is asked no more"
    assert holder.browser.get(f"{place.url}/me").status == 303, "browsers are signed out, too"
    corp.refresh_answer = None
    assert holder.uses() == 401, "until the person signs in again"
    holder.sign_in()
    assert holder.uses() == 200


def test_a_token_made_of_the_key_ends_with_it(place: Place, corp: OwnProvider, holder: Holder) -> None:
    place.api("POST", "/grants", {"subject": f"user:{holder.name}", "role": "reader", "scope": "team/**"})
    basic = "Basic " + base64.b64encode(f"{holder.name}:{holder.secret}".encode()).decode()
    answer, body = place.ask("GET", "/token?service=holdfast", None, {"Authorization": basic})
    assert answer.status == 200, body
    bearer = {"Authorization": f"Bearer {json.loads(body)['token']}"}
    assert place.ask("GET", "/v2/", None, bearer)[0].status == 200
    corp.refresh_answer = (400, {"error": "invalid_grant"})
    holder.age(HOUR)
    assert holder.uses() == 401
    assert [place.ask("GET", "/v2/", None, bearer)[0].status for _ in range(4)] == [401] * 4


def test_while_the_provider_is_down_keys_hold_for_the_grace(corp: OwnProvider, holder: Holder) -> None:
    corp.down = True
    holder.age(HOUR)
    assert [holder.uses() for _ in range(6)] == [200] * 6
    assert corp.refreshes <= 2, "once a minute"
    holder.age(24 * HOUR)
    assert holder.comes_to(401)
    corp.down = False
    deadline = time.monotonic() + DEADLINE
    while holder.uses() != 200:
        assert time.monotonic() < deadline, "it comes back by itself"
        holder.age(HOUR)  # a request that was under way may have been the last of this minute


@pytest.mark.parametrize("answer", [(401, {"error": "invalid_client"}), (500, {}), (400, {"error": "invalid_request"})])
def test_what_is_not_about_the_person_is_an_outage(
    corp: OwnProvider, holder: Holder, answer: tuple[int, dict[str, object]]
) -> None:
    corp.refresh_answer = answer
    holder.age(HOUR)
    assert [holder.uses() for _ in range(4)] == [200] * 4


def test_no_request_hangs_on_the_provider(corp: OwnProvider, holder: Holder) -> None:
    corp.delay = threading.Event()
    holder.age(HOUR)
    began = time.monotonic()
    assert [holder.uses() for _ in range(4)] == [200] * 4
    assert time.monotonic() - began < DEADLINE, "the provider would have kept each of them for 20 s"


def test_a_provider_that_speaks_of_somebody_else_is_a_refusal(corp: OwnProvider, holder: Holder) -> None:
    corp.claims = {**corp.claims, "sub": "another"}
    holder.age(HOUR)
    assert holder.uses() == 401


def test_without_refresh_tokens_keys_hold_for_their_life(place: Place, corp: OwnProvider) -> None:
    corp.gives_refresh = False
    holder = Holder(place, corp)
    assert "keys hold until" in holder.browser.get(f"{place.url}/me/keys").text
    holder.age(29 * 24 * HOUR)
    assert holder.uses() == 200
    holder.age(2 * 24 * HOUR)
    assert holder.uses() == 401
    holder.sign_in()
    assert holder.uses() == 200


def test_a_removed_provider_takes_its_people_along(place: Place, corp: OwnProvider, holder: Holder) -> None:
    name = f"p{corp.port}"
    place.api("DELETE", f"/providers/{name}")
    assert holder.uses() == 401
    assert holder.browser.get(f"{place.url}/me").status == 303
    assert Browser().get(f"{place.url}/sign-in/{name}").status == 404
    said = place.api("POST", "/providers", {"name": name, "issuer": "https://192.0.2.1", "client_id": "x"}, status=400)
    assert said["fields"][0]["field"] == "issuer"
    place.add_provider(name, corp.issuer)
    assert holder.uses() == 401, "not before the person signs in again"
    holder.sign_in()
    assert holder.uses() == 200


def test_a_real_provider_revokes(place: Place) -> None:
    with real_provider() as real:
        name = f"real{real.port}"
        place.add_provider(name, real.issuer)
        browser = Browser()
        real.set_user("u-1", preferred_username=f"real-{real.port}")
        browser.follow(browser.get(real.approve(place.begin(browser, name), "u-1")))
        holder = Holder.__new__(Holder)
        holder.place, holder.name, holder.browser = place, f"real-{real.port}", browser
        holder.secret = place.make_key(browser)
        holder.age(HOUR)
        assert holder.uses() == 200
        real.revoke("u-1")
        holder.age(HOUR)
        assert holder.uses() == 401


def test_keys_hold_while_the_registry_is_read_only(place: Place, corp: OwnProvider, holder: Holder) -> None:
    """What the provider would say could not be kept: it is not asked, and its last word counts for the grace."""
    place.sql("update mode set read_only = 1, reason = 'a test' where id = 1 returning 1")
    try:
        holder.age(HOUR)
        assert [holder.uses() for _ in range(4)] == [200] * 4
        assert corp.refreshes == 0
        assert holder.browser.get(f"{place.url}/me").status == 200
    finally:
        place.sql("update mode set read_only = 0, reason = null where id = 1 returning 1")
    assert holder.comes_to(200)
