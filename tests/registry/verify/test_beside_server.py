"""Verify beside a running server: no false finding under load, and repairs that the server's clients see at once."""

from __future__ import annotations

import http.client
import json
import random
import threading
from pathlib import Path

import pytest
from tests.cli.program import holdfast
from tests.registry.verify.site import CONFIG, IMAGE, LAYER, Blob, Site, config_of, image, index
from tests.serving import Server, running_server

THREADS, ROUNDS = 4, 25


class Client:
    """A client of one thread, over one connection."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection(server.host, timeout=60)

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[int, bytes, str]:
        headers = {"Content-Type": kind} if kind else {}
        self._connection.request(method, path, body=body, headers=headers)
        answer = self._connection.getresponse()
        data = answer.read()
        return answer.status, data, answer.getheader("Location", "")

    def expect(self, status: int, method: str, path: str, body: bytes = b"", kind: str = "") -> str:
        found, data, location = self.ask(method, path, body, kind)
        assert found == status, f"{method} {path}: {found} {data[:500]!r}"
        return location

    def blob(self, repository: str, blob: Blob, *, patched: bool = False) -> None:
        location = self.expect(202, "POST", f"/v2/{repository}/blobs/uploads/")
        if patched:
            location = self.expect(202, "PATCH", location, blob.data, "application/octet-stream")
        end = f"{location}{'&' if '?' in location else '?'}digest={blob.digest}"
        self.expect(201, "PUT", end, b"" if patched else blob.data, "application/octet-stream")

    def manifest(self, repository: str, manifest: Blob, *references: str) -> None:
        for reference in references or (manifest.digest,):
            self.expect(201, "PUT", f"/v2/{repository}/manifests/{reference}", manifest.data, manifest.media_type)

    def close(self) -> None:
        self._connection.close()


def load(server: Server, number: int, failures: list[str]) -> None:
    """Everything that clients do, many times; what went wrong is added to `failures`."""
    client, rng = Client(server), random.Random(number)
    try:
        for turn in range(ROUNDS):
            _turn(client, rng, f"{number}-{turn}", f"load/{number % 2}")
    except (AssertionError, OSError, http.client.HTTPException) as error:
        failures.append(f"{type(error).__name__}: {error}")
    finally:
        client.close()


def _turn(client: Client, rng: random.Random, name: str, repository: str) -> None:
    layers = [Blob(rng.randbytes(size), LAYER) for size in (300, 60_000)]
    first, second = image(name, *layers), image(name + "b", layers[0])
    late = image(name + "s", layers[0], subject=first)
    for each in (name, name + "b", name + "s"):
        client.blob(repository, config_of(each), patched=rng.random() < 0.5)
    for layer in layers:
        client.blob(repository, layer, patched=rng.random() < 0.5)
    if rng.random() < 0.5:
        client.manifest(repository, late)
    client.manifest(repository, first, name, "latest")
    client.manifest(repository, second)
    client.manifest(repository, index(first, second), f"multi-{name}")
    client.manifest(repository, late)
    client.expect(201, "POST", f"/v2/mounted/blobs/uploads/?mount={layers[1].digest}&from={repository}")
    client.expect(202, "DELETE", f"/v2/{repository}/manifests/{name}")
    client.manifest(repository, second, "latest")
    if rng.random() < 0.5:
        client.expect(202, "DELETE", f"/v2/{repository}/manifests/{index(first, second).digest}")
        client.expect(202, "DELETE", f"/v2/{repository}/manifests/{late.digest}")
        client.manifest(repository, index(first, second), f"again-{name}")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, marks=pytest.mark.slow),
        pytest.param({"deep": True}, marks=pytest.mark.slow),
        {"deep": True, "repair": True},
    ],
    ids=str,
)
def test_nothing_is_found_beside_a_server_under_load(tmp_path: Path, options: dict[str, bool]) -> None:
    with running_server(tmp_path, "--open", "--workers", "2", env={"HOLDFAST_COLLECT_GRACE": "0s"}) as server:
        site, failures = Site(server.data), list[str]()
        threads = [threading.Thread(target=load, args=(server, number, failures)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        runs = 0
        while runs < 3 or any(thread.is_alive() for thread in threads):
            outcome = site.verify(**options)
            assert outcome.findings == []
            assert outcome.notes == []
            runs += 1
            assert runs < 1000
        for thread in threads:
            thread.join()
        assert failures == []
        outcome = site.verify(deep=True)
        assert outcome.findings == []
        assert outcome.checked["tags"] >= THREADS * ROUNDS
        assert outcome.checked["objects"] >= THREADS * ROUNDS


def test_clients_see_what_was_marked_and_heal_it(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open") as server:
        site, client = Site(server.data), Client(server)
        layer = Blob(b"layer" * 20_000, LAYER)
        manifest = image("app", layer)
        for blob in (layer, config_of("app")):
            client.blob("app", blob)
        client.manifest("app", manifest, "latest")
        path = f"/v2/app/blobs/{layer.digest}"
        kept = site.object_of(layer)
        kept.write_bytes(bytes(kept.stat().st_size))

        words = ("verify", "--data", str(server.data), "--deep", "--json")
        found = json.loads(holdfast(tmp_path, *words, status=1).stdout)
        assert [each["class"] for each in found["findings"]] == ["object-corrupt"]
        holdfast(tmp_path, *words, "--repair", status=1)
        assert client.ask("HEAD", path)[0] == 404
        assert client.ask("GET", path)[0] == 404

        client.blob("app", layer)
        assert client.ask("GET", path) == (200, layer.data, "")
        assert json.loads(holdfast(tmp_path, *words).stdout)["clean"] is True

        site.sql("update link set gone_at = 1 where kind = 1")
        assert client.ask("GET", "/v2/app/manifests/latest")[0] == 404
        holdfast(tmp_path, *words, "--repair")
        assert client.ask("GET", "/v2/app/manifests/latest")[:2] == (200, manifest.data)
        assert manifest.media_type == IMAGE
        assert config_of("app").media_type == CONFIG
        client.close()
