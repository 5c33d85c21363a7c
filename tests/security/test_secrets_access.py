"""Secrets of users, robots, clients and providers are planted through every surface and are found nowhere but in the
answers that give them."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from tests.browsing import Browser
from tests.cli.program import holdfast
from tests.console.conftest import FLAGS, Place
from tests.openid import own_provider
from tests.pairs import Pair
from tests.security.test_secrets import spellings
from tests.serving import running_server
from tests.wire.client import Answer, Connection, basic, connected

ADMINISTRATOR = "Planted-Administrator-1234"
PASSWORD = "Planted-Password-Of-Alice"
SECOND = "Planted-Second-Password-Of-Alice"
MISTAKEN = "Planted-Mistaken-Password"
SHORT = "Plant-Short"
CLIENT = "Planted-Client-Secret-Of-A-Provider"
CLIENT_TWO = "Planted-Second-Client-Secret"
MACHINE = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJwbGFudGVkLW1hY2hpbmUifQ.UGxhbnRlZC1zaWduYXR1cmU"
BROKEN_KEY = "hf_" + "Planted0" * 4 + "0000"


class Planted(NamedTuple):
    """What was planted, by what it is, and everything that the server answered and wrote."""

    secrets: Mapping[str, str]
    places: Mapping[str, bytes]


class Garden:
    """Plants secrets. Answers that are to give a secret are kept without it."""

    def __init__(self, place: Place, connection: Connection) -> None:
        self.place = place
        self.connection = connection
        self.secrets: dict[str, str] = {}
        self.answers: list[bytes] = []

    def ask(
        self, method: str, path: str, body: object = None, *, by: str | None = None, given: tuple[str, ...] = ()
    ) -> Answer:
        """Ask by a credential. `given`: the fields of the answer (of JSON) that are secrets, as paths with dots."""
        headers = {"Authorization": by} if by is not None else {}
        data = b""
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        answer = self.connection.ask(method, path, data, headers)
        self._keep(answer, given)
        return answer

    def form(self, path: str, given: tuple[str, ...] = (), **fields: str) -> Answer:
        """POST a form."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.connection.ask("POST", path, urlencode(fields).encode(), headers)
        self._keep(answer, given)
        return answer

    def _keep(self, answer: Answer, given: tuple[str, ...]) -> None:
        text = repr((answer.status, answer.fields, answer.body))
        for name in given:
            secret = answer.json[name]
            self.secrets[f"{name} of {answer.target.partition('?')[0]} {len(self.secrets)}"] = secret
            assert secret in text
            text = text.replace(secret, "")
        self.answers.append(text.encode())


def plant(garden: Garden, issuer: str) -> None:
    """Use every way on which a secret comes in or goes out."""
    admin = basic("admin", ADMINISTRATOR)
    api = "/api/v1"
    for name, password in (("alice", PASSWORD), ("bob", SHORT)):
        garden.ask("POST", f"{api}/users", {"name": name, "password": password}, by=admin)
    garden.ask("POST", f"{api}/users", {"name": "carol", "passwort": MISTAKEN}, by=admin)
    garden.ask("POST", f"{api}/robots", {"namespace": "team", "name": "ci"}, by=admin)
    keys = [
        garden.ask("POST", f"{api}/keys", {"name": "main", "owner": "robot:team+ci"}, by=admin, given=("secret",)),
        garden.ask("POST", f"{api}/keys/robot:team+ci/main/rotate", {}, by=admin, given=("secret",)),
        garden.ask("POST", f"{api}/keys", {"name": "laptop"}, by=basic("alice", PASSWORD), given=("secret",)),
    ]
    robot, _, laptop = (key.json["secret"] for key in keys)
    garden.ask("PUT", f"{api}/users/alice/password", {"old": MISTAKEN, "password": SECOND}, by=basic("alice", PASSWORD))
    garden.ask("PUT", f"{api}/users/alice/password", {"old": PASSWORD, "password": SECOND}, by=basic("alice", PASSWORD))
    provider = {"name": "corp", "issuer": issuer, "client_id": "holdfast", "client_secret": CLIENT}
    assert garden.ask("POST", f"{api}/providers", provider, by=admin).status == 201
    garden.ask("POST", f"{api}/providers", provider, by=admin)
    garden.ask("PATCH", f"{api}/providers/corp", {"client_secret": CLIENT_TWO}, by=admin)
    garden.ask("POST", f"{api}/providers/corp/test", {}, by=admin)
    tokens(garden, robot, laptop)
    wrong(garden, laptop)
    browse(garden)
    for path in ("users", "robots", "keys?owner=robot:team%2Bci", "keys", "providers", "sessions", "audit", "me"):
        answer = garden.ask("GET", f"{api}/{path}", by=admin)
        assert answer.status == 200, answer


def tokens(garden: Garden, robot: str, laptop: str) -> None:
    """Access and refresh tokens, by every credential that gives some."""
    given = ("token", "refresh_token")
    scope = "scope=repository:team/app:pull&service=127.0.0.1"
    refresh = []
    for credential in (basic("alice", SECOND), basic("team+ci", robot), basic("", laptop)):
        answer = garden.ask("GET", f"/token?{scope}&offline_token=true&client_id=planted", by=credential, given=given)
        garden.ask("GET", "/v2/team/app/tags/list", by=f"Bearer {answer.json['token']}")
        refresh.append(answer.json["refresh_token"])
    service = {"service": "127.0.0.1", "client_id": "planted"}
    garden.form("/token", given[:1], grant_type="refresh_token", refresh_token=refresh[0], **service)
    garden.form(
        "/token", given, grant_type="password", username="alice", password=SECOND, access_type="offline", **service
    )
    garden.form("/token", (), grant_type="password", username="alice", password=MISTAKEN, **service)
    garden.form("/token", (), grant_type="refresh_token", refresh_token=refresh[0][:-1] + "0", **service)


def wrong(garden: Garden, laptop: str) -> None:
    """Secrets where they do not belong, and secrets that are none."""
    for credential in (
        basic("alice", MISTAKEN),
        basic(MISTAKEN, ""),
        basic(laptop, ""),
        basic("nobody", laptop),
        basic("alice", BROKEN_KEY),
        basic("alice", laptop[:-1] + ("a" if laptop[-1] != "a" else "b")),
        basic("alice", MACHINE),
        f"Bearer {laptop}",
        f"Bearer {MACHINE}",
        f"Bearer {SECOND}",
        SECOND,
    ):
        for path in ("/v2/", "/v2/team/app/manifests/v1", "/token?service=x", "/api/v1/me", "/api/v1/nothing"):
            assert garden.ask("GET", path, by=credential).status in (400, 401, 404), (credential, path)
    garden.ask("GET", f"/v2/?password={MISTAKEN}&key={laptop}")
    garden.ask("GET", f"/token?service=x&account=alice&password={MISTAKEN}")


def browse(garden: Garden) -> None:
    """Sign in with a password, and make a key on the page."""
    url = garden.place.url
    for password in (MISTAKEN, SECOND):
        browser = Browser()
        page = browser.submit(browser.get(f"{url}/sign-in"), "/sign-in", name="alice", password=password)
        garden.answers.append(page.text.encode())
    session = browser.cookies["127.0.0.1"]["holdfast-session"]
    garden.secrets["session"] = session
    garden.answers.append(browser.get(f"{url}/me").text.encode())


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Plant everything; then look at what the server left behind when it ended."""
    logs = tmp_path_factory.mktemp("planted")
    environment = {"HOLDFAST_ADMIN_PASSWORD": ADMINISTRATOR}
    with own_provider() as provider, running_server(logs, *FLAGS, env=environment, pair=Pair.EMBEDDED) as server:
        with connected(server.port) as connection:
            server.known_admin = None
            garden = Garden(Place(server), connection)
            plant(garden, provider.issuer)
        place = ("--data", str(server.data), "--listen", server.host, *FLAGS)
        report = holdfast(logs, "doctor", *place, "--bundle", "b.tar.gz", "--log", "serve.err").stdout
        server.stop()
        places = {"doctor": report.encode()}
        places |= {f"answer {number}": answer for number, answer in enumerate(garden.answers)}
        for path in logs.rglob("*"):
            if path.is_file() and path.name != "b.tar.gz":
                places[str(path.relative_to(logs))] = path.read_bytes()
        with tarfile.open(fileobj=gzip.open(logs / "b.tar.gz")) as archive:
            for each in archive.getmembers():
                file = archive.extractfile(each)
                places[f"bundle {each.name}"] = file.read() if file is not None else b""
    known = dict.fromkeys((ADMINISTRATOR, PASSWORD, SECOND, MISTAKEN, SHORT, CLIENT, CLIENT_TWO, MACHINE, BROKEN_KEY))
    return Planted({**{each: each for each in known}, **garden.secrets}, places)


def test_everything_was_planted(planted: Planted) -> None:
    kinds = sorted({name.rpartition(" ")[0] or name for name in planted.secrets})
    assert {"secret of /api/v1/keys", "token of /token", "refresh_token of /token", "session"} <= set(kinds)
    assert len(planted.secrets) >= 20
    assert {"data/holdfast.db", "serve.err", "serve.out", "bundle holdfast-support/log.txt"} <= set(planted.places)
    assert len(planted.places) > 80


def test_no_planted_secret_is_found(planted: Planted) -> None:
    found = [
        f"{kind} in {place}"
        for kind, secret in planted.secrets.items()
        for spelling in spellings(secret)
        for place, content in planted.places.items()
        if spelling in content
    ]
    assert found == []


def test_the_names_are_found(planted: Planted) -> None:
    """The search finds what is there."""
    for name in (b"alice", b"team+ci", b"laptop", b"corp"):
        assert any(name in content for place, content in planted.places.items() if place.startswith("data/"))
