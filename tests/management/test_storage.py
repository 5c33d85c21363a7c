"""Quotas, storage and damage by the API and the command line, on a real server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.cli.shell import Shell
from tests.clients import images
from tests.clients.wire import Wire
from tests.management.api import Asker
from tests.management.conftest import PASSWORD, Asking
from tests.serving import Server

PATIENCE = 60.0
FAR = "a long enough pass phrase"


def counted(admin: Asker) -> dict[str, Any]:
    """The storage after it was counted anew."""
    job = admin.do(202, "POST", "/storage/count")
    ends = time.monotonic() + PATIENCE
    while (state := admin.do(200, "GET", f"/jobs/{job['id']}")["state"]) in ("waiting", "running"):
        assert time.monotonic() < ends
    assert state == "done"
    found: dict[str, Any] = admin.do(200, "GET", "/storage")
    return found


def test_figures_add_up(admin: Asker, server: Server) -> None:
    image = images.image("storage")
    Wire(server).push("storage/app", image, "v1")
    whole = counted(admin)
    parts = [whole[name] for name in ("live", "history", "pending", "uploads", "unaccounted")]
    assert sum(parts) == whole["physical"]["total"]
    assert whole["unaccounted"] == 0
    found = admin.do(200, "GET", "/storage/path?path=storage")
    figure = found["figure"]
    assert figure["total"] == figure["live"] == figure["logical"] == found["used"]["bytes"]
    (row,) = admin.do(200, "GET", "/storage/repositories?path=storage")["items"]
    assert (row["path"], row["live"], row["exclusive"] is None) == ("storage/app", figure["live"], False)
    assert admin.do(200, "GET", "/damage")["items"] == []


def test_a_quota_is_set_seen_and_met(admin: Asker, asking: Asking, server: Server) -> None:
    for name in ("quota-ada", "quota-ben"):
        admin.do(201, "POST", "/users", {"name": name, "password": FAR})
    admin.do(201, "POST", "/grants", {"subject": "user:quota-ada", "role": "owner", "scope": "quoted/**"})
    ada, ben = asking.named("quota-ada", FAR), asking.named("quota-ben", FAR)
    ada.do(403, "PUT", "/quotas", {"path": "quoted", "tags": 1})
    ben.do(403, "PUT", "/quotas", {"path": "quoted", "tags": 1})
    set_ = admin.do(200, "PUT", "/quotas", {"path": "quoted", "tags": 1, "warn": 50})
    assert [(each["quota"], each["limit"], each["warn"]) for each in set_["limits"]] == [("tags", 1, 50)]
    image = images.image("quota")
    Wire(server).push("quoted/app", image, "v1")
    (limit,) = ada.do(200, "GET", "/quotas?path=quoted")["limits"]
    assert (limit["used"], limit["nearly"], limit["warned_at"] is None) == (1, True, False)
    assert [each["path"] for each in ada.do(200, "GET", "/quotas/paths")["items"]] == ["quoted"]
    ben.do(404, "GET", "/quotas?path=quoted")
    ben.do(404, "GET", "/storage/path?path=quoted")
    for way in ("/storage", "/damage"):
        ada.do(403, "GET", way)
    admin.do(400, "PUT", "/quotas", {"path": "quoted"})
    admin.do(400, "PUT", "/quotas", {"path": "Not A Name", "tags": 1})
    assert admin.do(200, "DELETE", "/quotas?path=quoted&quota=tags")["limits"] == []
    assert admin.do(200, "DELETE", "/quotas?path=quoted")["limits"] == []


def test_the_command_line(server: Server, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.run("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    Wire(server).push("typed/app", images.image("typed"), "v1")
    said = shell.says("quota", "set", "typed", "--bytes", "1.5GiB", "--tags", "4")
    assert "typed uses" in said
    assert "1.5 GiB" in said
    found = shell.json("quota", "show", "typed/app")
    assert {each["quota"]: each["limit"] for each in found["limits"]} == {"bytes": 3 << 29, "tags": 4}
    assert "typed" in shell.says("quota", "list")
    lines = shell.says("storage", "--count").splitlines()
    rows = [int(line.split()[1 if line.startswith(" ") else 2].replace(",", "")) for line in lines[:6]]
    assert sum(rows[:5]) == rows[5]
    assert "total" in shell.says("storage", "typed")
    assert "no quota holds" in shell.says("quota", "unset", "typed")
    assert "nothing that is stored is known to be damaged" in shell.says("storage", "--damage")


def test_the_ledger_is_listed_as_pages_show_it(admin: Asker, asking: Asking, server: Server, tmp_path: Path) -> None:
    admin.do(201, "POST", "/users", {"name": "ledger-ben", "password": FAR})
    ben = asking.named("ledger-ben", FAR)
    Wire(server).push("ledger/small", images.image("small"), "v1")
    for tag in ("v1", "v2", "v3"):
        Wire(server).push("ledger/large", images.image(f"large {tag}"), tag)
    counted(admin)
    rows = admin.do(200, "GET", "/storage/repositories?path=ledger&order=size&limit=1")
    assert [row["path"] for row in rows["items"]] == ["ledger/large"]
    assert (rows["items"][0]["growth"], rows["growth_since"][:2]) == (0, "20"), "nothing is known of before today"
    after = admin.do(200, "GET", f"/storage/repositories?path=ledger&order=size&limit=1&after={rows['next']}")
    assert ([row["path"] for row in after["items"]], after["next"]) == (["ledger/small"], None)
    figure = admin.do(200, "GET", "/storage/path?path=ledger")["figure"]
    assert figure["logical"] == sum(row["logical"] for row in (*rows["items"], *after["items"]))
    (day,) = admin.do(200, "GET", "/storage/days?path=ledger&days=1")["items"]
    assert day["live"] == figure["live"]
    largest = admin.do(200, "GET", "/storage/largest?path=ledger")["items"]
    assert {each["repository"] for each in largest} <= {"ledger/large", "ledger/small"}
    assert all(1 <= each["repositories"] <= 2 for each in largest)
    assert [each["size"] for each in largest] == sorted((each["size"] for each in largest), reverse=True)
    for way in ("days", "largest"):
        ben.do(404, "GET", f"/storage/{way}?path=ledger")
        ben.do(403, "GET", f"/storage/{way}")
    shell = Shell(tmp_path)
    shell.run("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    lines = shell.says("storage", "ledger", "--by-size").splitlines()
    assert [line.split()[0] for line in lines if line.startswith("ledger/")] == ["ledger/large", "ledger/small"]
    assert largest[0]["digest"] in shell.says("storage", "ledger", "--largest")
    assert shell.json("storage", "ledger", "--days")["items"][-1] == day


def test_an_upload_is_listed_and_ended(admin: Asker, asking: Asking, server: Server, tmp_path: Path) -> None:
    admin.do(201, "POST", "/users", {"name": "uploads-ben", "password": FAR})
    ben = asking.named("uploads-ben", FAR)
    wire = Wire(server)
    for _ in range(2):
        begun = wire.expect(202, "POST", "/v2/arriving/app/blobs/uploads/")
        wire.expect(202, "PATCH", begun.headers["location"], b"x" * 70_000, User_Agent="docker/1 test")
    found = admin.do(200, "GET", "/uploads?repository=arriving/app")["items"]
    assert [(each["received"], each["client"]) for each in found] == [(70_000, "docker/1 test")] * 2
    ids = [each["id"] for each in found]
    assert all(each["actor"] == "user:admin" and each["expires_at"] for each in found)
    assert ben.items("/uploads") == []
    ben.do(404, "GET", "/uploads?repository=arriving/app")
    ben.do(404, "DELETE", f"/uploads/{ids[0]}")
    admin.do(204, "DELETE", f"/uploads/{ids[0]}")
    admin.do(404, "DELETE", f"/uploads/{ids[0]}")
    shell = Shell(tmp_path)
    shell.run("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    assert ids[1] in shell.says("uploads", "list", "--repository", "arriving/app")
    assert shell.says("uploads", "cancel", ids[1]) == "1 upload ended\n"
    assert "no upload" in shell.says("uploads", "list", "--repository", "arriving/app")
    assert "no such upload" in shell.refused("uploads", "cancel", ids[1])


def test_rules_are_tried_before_they_hold(server: Server, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.run("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    Wire(server).push("trying/app", images.image("trying"), "dev-1")
    rules = tmp_path / "rules.json"
    rules.write_text('{"rules": [{"name": "all", "action": "drop", "tags": ["dev-*"]}]}')
    said = shell.says("retention", "plan", "trying", "--rules", str(rules))
    assert "trying/app:dev-1" in said, said
    assert "these rules do not hold" in said
    assert "no rules hold" in shell.says("retention", "show", "trying")
    assert "only to look at" in shell.refused("retention", "plan", "trying", "--rules", str(rules), "--apply", status=2)
