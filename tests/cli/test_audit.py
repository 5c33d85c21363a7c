"""`holdfast audit`, `usage`, `policy` and `grant export`, as they are typed, against a real server."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.program import holdfast
from tests.serving import Server, pause, running_server
from tests.wire.client import Connection, basic

from holdfast.cli.audit_proofs import entry_lines

PASSWORD = "Planted-Password-4711"


class Person:
    """Somebody who types verbs, with a key of the administrator, at a server that keeps checkpoints in a file."""

    def __init__(self, place: Path, server: Server, key: str) -> None:
        self.place = place
        self.server = server
        self.checkpoints = place / "checkpoints"
        self._environment = {"HOLDFAST_URL": server.url, "HOLDFAST_USER": "admin", "HOLDFAST_KEY": key}

    def types(self, *words: str, status: int = 0) -> str:
        """What a verb says."""
        return holdfast(self.place, *words, status=status, **self._environment).stdout

    def errs(self, *words: str) -> str:
        """What a verb says that fails."""
        return holdfast(self.place, *words, status=1, **self._environment).stderr

    def until(self, said: str, *words: str) -> str:
        """What a verb says once it says `said`: what happens is shown a moment later."""
        for _ in range(120):
            text = self.types(*words)
            if said in text:
                return text
            pause(0.25)
        raise AssertionError(f"{' '.join(words)} never says {said}:\n{text}")


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    place = tmp_path_factory.mktemp("audit")
    flags = ("--audit-file", str(place / "checkpoints"))
    with running_server(place / "server", *flags, env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD}) as server:
        connection = Connection(server.port, {"Authorization": basic("admin", PASSWORD)})
        for path, body in (("/users", {"name": "dora"}), ("/keys", {"name": "cli"})):
            data = json.dumps(body).encode()
            made = connection.ask("POST", f"/api/v1{path}", data, {"Content-Type": "application/json"})
            assert made.status == 201, made
        connection.close()
        person = Person(place, server, made.json["secret"])
        person.types("grant", "add", "user:dora", "reader", "shop/**:dev-*")
        yield person


def test_the_audit_is_a_table_json_and_csv(person: Person) -> None:
    text = person.until("grant.added", "audit", "--kind", "grant")
    assert text.splitlines()[0].split() == ["POS", "WHEN", "WHO", "WHAT", "WHERE", "MORE"]
    assert "scope=shop/**:dev-*" in text
    found = json.loads(person.types("audit", "--kind", "grant", "--repository", "shop/**", "--since", "1h", "--json"))
    (entry,) = found["items"]
    assert (entry["actor"], entry["path"]) == ("user:admin", "shop")
    assert json.loads(person.types("audit", "--until", "1h", "--json"))["items"] == []
    rows = list(csv.DictReader(person.types("audit", "--all", "--csv").splitlines()))
    assert {"user.created", "grant.added"} <= {row["kind"] for row in rows}
    assert "no entries" in person.types("audit", "--actor", "user:nobody")
    assert "is no time" in holdfast(person.place, "audit", "--since", "x", status=2).stderr


def test_cells_of_csv_are_no_formulas() -> None:
    evil = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "|calc", "%x"]
    for text in evil:
        row = dict.fromkeys(("at", "actor", "kind", "path", "credential", "address", "agent", "request"), text)
        (cells,) = list(csv.reader("".join(entry_lines(iter([{**row, "pos": 1, "data": {text: text}}]))).splitlines()))[
            1:
        ]
        assert all(cell[:1] not in {"=", "+", "-", "@", "\t", "\r", "|", "%"} for cell in cells), cells


def test_the_audit_is_proven_whole_by_checkpoints_kept_elsewhere(person: Person) -> None:
    for _ in range(120):
        if person.checkpoints.exists() and person.checkpoints.read_text():
            break
        pause(0.25)
    assert "the audit is whole" in person.types("audit", "verify", "--checkpoint", str(person.checkpoints))
    report = json.loads(person.types("audit", "verify", "--json"))
    assert report["whole"]
    assert report["tail"]["segment"] >= 1
    log = person.place / "server" / "serve.err"
    assert "the audit is whole" in person.types("audit", "verify", "--checkpoint", str(log))
    forged = person.place / "forged"
    forged.write_text(person.checkpoints.read_text().strip()[:-8] + "AAAAAAAA\n")
    text = person.types("audit", "verify", "--checkpoint", str(forged), status=1)
    assert "signature" in text
    assert "does not fit" in text
    empty = person.place / "empty"
    empty.write_text("nothing\n")
    assert "holds no checkpoint" in person.errs("audit", "verify", "--checkpoint", str(empty))


def test_old_entries_are_archived_dropped_and_checked(person: Person) -> None:
    person.types("group", "create", "later")
    person.until("group.created", "audit", "--kind", "group")
    person.types("group", "create", "latest")
    person.until("latest", "audit", "--kind", "group")
    file = person.place / "old.jsonl"
    said = person.types("audit", "archive", str(file), "--before", "0s", "--drop")
    assert "dropped" in said
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[0]["n"] == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert "the audit is whole" in person.types("audit", "verify", "--archive", str(file))
    assert "are archived" in person.types("audit", "verify", "--checkpoint", str(person.checkpoints))
    assert "exists" in person.errs("audit", "archive", str(file), "--before", "0s")
    lines[0]["rows"][0] = lines[0]["rows"][0].replace("admin", "other")
    changed = person.place / "changed.jsonl"
    changed.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "are not those that were sealed" in person.types("audit", "verify", "--archive", str(changed), status=1)
    none = person.place / "none.jsonl"
    assert "nothing is that old" in person.types("audit", "archive", str(none), "--before", "365d")
    assert not none.exists()


def test_a_policy_goes_out_is_tried_and_goes_in(person: Person) -> None:
    text = person.types("grant", "export")
    assert {"subject": "user:dora", "role": "reader", "scope": "shop/**:dev-*"} in tomllib.loads(text)["grants"]
    file = person.place / "policy.toml"
    file.write_text(text)
    assert "nothing to change" in person.types("policy", "apply", str(file))
    assert "nothing that was done would come out otherwise" in person.types("policy", "test", str(file), "--days", "7")
    file.write_text(text.replace("dev-*", "prod-*"))
    dry = person.types("policy", "apply", str(file), "--dry-run")
    assert "+ grant  user:dora reader shop/**:prod-*" in dry
    assert "- grant  user:dora reader shop/**:dev-*" in dry
    assert "2 changes made" in person.types("policy", "apply", str(file))
    assert "prod-*" in person.types("grant", "list", "--subject", "user:dora")
    as_json = person.place / "policy.json"
    as_json.write_text(person.types("grant", "export", "--json"))
    assert "nothing to change" in person.types("policy", "apply", str(as_json))
    part = person.place / "shop.toml"
    part.write_text(person.types("grant", "export", "--path", "shop").replace("prod-*", "dev-*"))
    report = json.loads(person.types("policy", "apply", str(part), "--json"))
    assert report["applied"]
    assert len(report["changes"]) == 2
    broken = person.place / "broken.toml"
    broken.write_text("[[grants]]\nsubject = 1\n")
    assert "text of one line" in person.errs("policy", "apply", str(broken))


def test_what_was_used_and_refused_is_shown_and_tried(person: Person) -> None:
    person.types("robot", "create", "ci", "--namespace", "shop")
    person.types("grant", "add", "robot:shop+ci", "reader", "shop/**:dev-*")
    key = json.loads(person.types("key", "create", "pipeline", "--for", "robot:shop+ci", "--json"))["secret"]
    connection = Connection(person.server.port, {"Authorization": basic("shop+ci", key), "User-Agent": "crane/1"})
    assert connection.ask("GET", "/v2/shop/web/manifests/prod-1").status == 403
    connection.close()
    text = person.until("pull (refused)", "usage", "shop/**", "--denied")
    assert "robot:shop+ci" in text
    assert "127.0.0.0/24" in text
    assert "crane" in text
    assert json.loads(person.types("usage", "--denied", "--json"))["items"][0]["reference"] == "prod-1"
    assert "no use" in person.types("usage", "other/**")
    file = person.place / "draft.toml"
    file.write_text('path = "shop"\n[[grants]]\nsubject = "robot:shop+ci"\nrole = "reader"\nscope = "shop/**"\n')
    tried = person.types("policy", "test", str(file), "--days", "1")
    assert "would be allowed from now on" in tried
    assert "by robot:shop+ci reader shop/**" in tried
    report = json.loads(person.types("policy", "test", str(file), "--days", "1", "--json"))
    (change,) = report["newly_allowed"]
    assert (change["subject"], change["count"], change["reference"]) == ("robot:shop+ci", 1, "prod-1")
