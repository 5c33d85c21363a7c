"""`holdfast doctor --bundle`: everything that a report needs, and nothing that is secret, wherever it was planted."""

from __future__ import annotations

import base64
import json
import os
import tarfile
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.backends import laid_database_url
from tests.cli.program import holdfast
from tests.clients import images
from tests.clients.wire import Wire
from tests.ports import free_port
from tests.serving import running_server

from holdfast.app.bundle_secrets import HIDDEN, Scrubber
from holdfast.app.config import Settings, load

PARTS = {
    "data-directory.json",
    "database.json",
    "doctor.json",
    "environment.json",
    "log.txt",
    "machine.json",
    "settings.json",
    "versions.json",
}


def unpacked(bundle: Path) -> dict[str, str]:
    with tarfile.open(bundle) as archive:
        members = archive.getmembers()
        assert all(each.isfile() and each.name.startswith("holdfast-support/") for each in members)
        found = {each.name.partition("/")[2]: archive.extractfile(each) for each in members}
        return {name: file.read().decode() for name, file in found.items() if file is not None}


def test_a_bundle_beside_a_running_server(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        Wire(server).push("team/seed", images.image("bundle"), "1")
        Wire(server).ask("GET", "/v2/team/seed/tags/list")
        place = ("--data", str(server.data), "--listen", server.host)
        said = holdfast(tmp_path, "doctor", *place, "--bundle", "out.tar.gz", "--log", "serve.err").stdout
    assert "out.tar.gz" in said
    parts = unpacked(tmp_path / "out.tar.gz")
    assert set(parts) == PARTS
    assert os.stat(tmp_path / "out.tar.gz").st_mode & 0o777 == 0o600
    database = json.loads(parts["database.json"])
    assert database["rows"]["repositories"] == 1
    assert database["rows"]["tags"] == 1
    assert database["schema"]["pending"] == []
    assert {each["kind"] for each in database["nodes"]["nodes"]} <= {"serve", "worker"}
    assert database["nodes"]["mode"]["read_only"] in (0, False)
    assert set(database["jobs"]) == {"pending", "failed"}
    assert json.loads(parts["settings.json"])["data"] == [str(server.data), "flag --data"]
    assert json.loads(parts["versions.json"])["libraries"]["apsw"] != "not installed"
    assert {each["name"] for each in json.loads(parts["doctor.json"])} >= {"fsync", "port"}
    assert "holdfast.db" in parts["data-directory.json"]


def test_nothing_is_there_yet(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    holdfast(tmp_path, "doctor", "--data", "nowhere", "--listen", listen, "--bundle", "b.tar.gz", "--log", "no.log")
    parts = unpacked(tmp_path / "b.tar.gz")
    assert "no registry" in parts["database.json"]
    assert "missing" in parts["data-directory.json"]
    assert "missing" in parts["log.txt"]


def test_it_cannot_be_written(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    said = holdfast(tmp_path, "doctor", "--listen", listen, "--bundle", "no/such/place.tar.gz", status=1).stderr
    assert "cannot be written" in said


# Each planted somewhere else; none may be anywhere in the bundle.
WORDS = {
    "database": "Dat4base-Pass/word?1",
    "admin": "adm1n-Passw0rd-planted",
    "aws": "aW5zZWNyZXQ/awsSecretKey+planted/0123456",
    "session": "FwoGZXIvYXdzEPlantedSessionToken//////////",
    "azure": "QXp1cmVTdG9yYWdlS2V5UGxhbnRlZA==",
    "vault": "hvs.PlantedVaultToken1234",
    "pgpass": "pgpass-planted-word",
    "someone's": "their-api-token-planted",
}
MASTER = base64.b64encode(bytes(range(100, 132))).decode()


def test_planted_secrets_are_absent(tmp_path: Path) -> None:
    database = f"postgresql://me:{quote(WORDS['database'], safe='')}@127.0.0.1:{free_port()}/registry"
    (tmp_path / "master").write_text(MASTER + "\n")
    (tmp_path / "pgpass").write_text(f"db:5432:registry:me:{WORDS['pgpass']}\n")
    (tmp_path / "data").mkdir()
    basic = base64.b64encode(f"admin:{WORDS['admin']}".encode()).decode()
    log = [
        json.dumps({"event": "request", "path": "/v2/", "agent": f"x {WORDS['admin']}"}),
        f"Authorization: Basic {basic}",
        f"Authorization: Bearer {WORDS['vault']}",
        f"GET https://bucket/key?X-Amz-Credential=AKIAPLANTED%2F2026&X-Amz-Signature={'ab12' * 16}",
        f"connecting to {database}",
        f"redis://user:{WORDS['pgpass']}@cache/0 and password={WORDS['pgpass']}",
        f"key {MASTER}",
        f"-----BEGIN PRIVATE KEY-----\n{MASTER}\n-----END PRIVATE KEY-----",
    ]
    (tmp_path / "log").write_text("\n".join(log))
    environment = {
        "HOLDFAST_DATABASE": database,
        "HOLDFAST_STORAGE": "s3://bucket/prefix?endpoint=http://127.0.0.1:1",
        "HOLDFAST_ADMIN_PASSWORD": WORDS["admin"],
        "HOLDFAST_ENCRYPTION_KEY_FILE": str(tmp_path / "master"),
        "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
        "AWS_SECRET_ACCESS_KEY": WORDS["aws"],
        "AWS_SESSION_TOKEN": WORDS["session"],
        "AZURE_STORAGE_ACCOUNT_KEY": WORDS["azure"],
        "VAULT_TOKEN": WORDS["vault"],
        "PGPASSFILE": str(tmp_path / "pgpass"),
        "SOME_API_TOKEN": WORDS["someone's"],
    }
    listen = f"127.0.0.1:{free_port()}"
    words = ("doctor", "--listen", listen, "--bundle", "b.tar.gz", "--log", "log")
    said = holdfast(tmp_path, *words, status=0, **environment).stdout
    whole = said + "".join(unpacked(tmp_path / "b.tar.gz").values())
    secrets = {*WORDS.values(), MASTER, basic, "ab12" * 16, quote(WORDS["database"], safe="")}
    assert [secret for secret in secrets if secret in whole] == []
    assert "HOLDFAST_DATABASE" in whole
    assert HIDDEN in whole


@pytest.mark.parametrize(
    "text",
    [
        "nothing to hide",
        '{"admin_password": [null, "default"], "encryption.vault_token_file": ["/etc/token", "flag"]}',
        "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
        "https://registry.example.com/v2/team/app/tags/list?n=10",
    ],
)
def test_what_is_no_secret_stays(text: str, tmp_path: Path) -> None:
    assert Scrubber(_settings(tmp_path), {"PATH": "/usr/bin"})(text) == text


@pytest.mark.parametrize(
    "secret", ["hf_" + "aB3" * 12, "hfr_" + "aB3" * 15 + "x", f"eyJ{'hbGci' * 3}.eyJ{'zdWIi' * 3}.{'c2ln' * 9}"]
)
def test_credentials_of_a_registry_are_hidden_wherever_they_stand(tmp_path: Path, secret: str) -> None:
    hidden = Scrubber(_settings(tmp_path), {})(f"path=/v2/{secret}/x agent={secret}")
    assert secret not in hidden
    assert hidden.count(HIDDEN) == 2


def test_a_secret_in_its_other_forms(tmp_path: Path) -> None:
    scrub = Scrubber(_settings(tmp_path), {"X_SECRET": 'quote"and/slash and words'})
    inside = base64.b64encode(b'me:quote"and/slash and words').decode()
    for text in (json.dumps({"x": 'quote"and/slash and words'}), "x=quote%22and%2Fslash%20and%20words", inside):
        assert HIDDEN in scrub(text)
        assert "slash" not in scrub(text)


def _settings(place: Path) -> Settings:
    return load({"data": str(place)}, {}).settings


def test_a_bundle_of_a_cluster(tmp_path: Path) -> None:
    url = laid_database_url()
    (tmp_path / "key").write_text(MASTER + "\n")
    environment = {"HOLDFAST_DATABASE": url, "HOLDFAST_ENCRYPTION_KEY_FILE": str(tmp_path / "key")}
    listen = f"127.0.0.1:{free_port()}"
    words = ("doctor", "--listen", listen, "--bundle", "b.tar.gz")
    holdfast(tmp_path, *words, status=0, **environment)
    parts = unpacked(tmp_path / "b.tar.gz")
    database = json.loads(parts["database.json"])
    assert database["rows"]["repositories"] == 0
    assert database["schema"]["pending"] == []
    assert database["nodes"]["nodes"] == []
    assert MASTER not in "".join(parts.values())
