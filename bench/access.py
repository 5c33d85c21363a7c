"""What access costs: manifest and blob GET with a token and with a password, against a server that is open to all.

`python -m bench.access`: one run, one build, slices in turns. A user who may pull one namespace asks; use and audit are
on, as they always are. Then once more with 10,000 grants on 1,000 namespaces, all of them the user's own.
"""

import argparse
import base64
import http.client
import json
import shutil
import sys
import tempfile
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from bench import reads
from bench.figures import Figures, Slice, summarise
from bench.load import Job, Load, run_slice
from bench.peers import CANDIDATES, find_program, log_in, read_version
from bench.server import Server
from bench.workload import Scale, Stage, Workload

_ROOT = Path(__file__).resolve().parent.parent
_PAGE = _ROOT / "docs" / "reference" / "performance-access.md"
_USER, _PASSWORD = "puller", "a-password-of-the-bench"
_NAMESPACES, _EACH = 1000, 10
_WORKLOADS = ("manifest-tag", "manifest-head", "blob-4k")
_TARGETS = {"bearer": 1.35, "Basic": 1.5}
_MANY = 1.1


@dataclass
class Entrant:
    """One way of asking one server."""

    name: str
    stage: Stage
    way: str
    many: bool = False

    def enter(self, origin: Server) -> None:
        """Take the credential anew: a token does not outlive a run."""
        server = self.stage.server
        basic = "Basic " + base64.b64encode(f"{_USER}:{_PASSWORD}".encode()).decode()
        if self.way == "Basic":
            server.authorization = basic
        elif self.way == "bearer":
            scope = urllib.parse.urlencode({"scope": f"repository:{reads.REPOSITORY}:pull", "service": "bench"})
            server.authorization = f"Bearer {_ask(origin, 'GET', f'/token?{scope}', None, basic)['token']}"


def _ask(server: Server, method: str, path: str, body: object, authorization: str) -> dict[str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    data = None if body is None else json.dumps(body)
    connection.request(method, path, data, {"Authorization": authorization, "Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
    return dict(json.loads(text))


def _prepare(server: Server) -> str:
    """Push the library as the administrator, and make the user; gives the administrator's credential."""
    log_in(server)
    admin = server.authorization
    _ask(server, "POST", "/api/v1/users", {"name": _USER, "password": _PASSWORD}, admin)
    _ask(server, "POST", "/api/v1/grants", {"subject": f"user:{_USER}", "role": "reader", "scope": "bench/**"}, admin)
    return admin


def _give_many(server: Server) -> None:
    """10,000 grants to the user, beside the program: one by one they would take as many commits."""
    connection = apsw.Connection(str(server.data / "holdfast.db"))
    connection.set_busy_timeout(10_000)
    with connection:
        ((account,),) = connection.execute("select id from account where name = ?", (_USER,))
        connection.executemany(
            "insert into access_grant (effect, subject_kind, subject_id, role, repository, tag, home, made_at, made_by)"
            " values (0, 1, ?, ?, ?, ?, ?, 1, 'bench')",
            [
                (
                    account,
                    "reader" if each % 2 else "writer",
                    f"tenant-{n}/**",
                    f"v{each}*" if each else None,
                    f"tenant-{n}",
                )
                for n in range(_NAMESPACES)
                for each in range(_EACH)
            ],
        )
        connection.execute("update policy set version = version + 1, everyone = version + 1")
    connection.close()


def _entrants(directory: Path, run: str) -> tuple[list[Entrant], list[Server], str]:
    program = find_program("holdfast")
    if program is None:
        raise RuntimeError("no holdfast: make install")
    by_name = {candidate.name: candidate for candidate in CANDIDATES}
    version = read_version(program, ("--version",))
    servers, found = [], []
    for name, candidate in (("open", "holdfast"), ("closed", "holdfast+basic"), ("many", "holdfast+basic")):
        kind = by_name[candidate]
        servers.append(Server(name, kind.kind, version, kind.recipe(program), directory / name, basic=name != "open"))
    try:
        for server in servers:
            server.start()
            if server.basic:
                _prepare(server)
            stage = Stage(server, Scale(1000, run))
            for workload in _chosen():
                workload.prepare(stage)
            if server.name == "many":
                _give_many(server)
            for way in ("bearer", "Basic") if server.basic else ("open",):
                name = f"{way}, 10,000 grants" if server.name == "many" else way
                found.append(Entrant(name, stage, way, server.name == "many"))
    except BaseException:
        for server in servers:
            server.stop()
        raise
    return found, servers, version


def _chosen() -> list[Workload]:
    return [one for one in reads.WORKLOADS if one.name in _WORKLOADS]


def _play(workload: Workload, entrants: Sequence[Entrant], rounds: int, seconds: float) -> dict[str, Figures]:
    slices: dict[str, list[Slice]] = {one.name: [] for one in entrants}
    for turn in range(rounds):
        at = turn % len(entrants)
        for entrant in [*entrants[at:], *entrants[:at]]:
            entrant.enter(entrant.stage.server)
            job: Job = workload.prepare(entrant.stage)
            run_slice(entrant.stage.server, job, Load(workload.clients, 0.1), turn)  # whoever asks is known by now
            slices[entrant.name].append(run_slice(entrant.stage.server, job, Load(workload.clients, seconds), turn))
    return {name: summarise(each) for name, each in slices.items()}


def _page(rows: dict[str, dict[str, Figures]], version: str, settings: str) -> str:
    lines = [
        "# What access costs",
        "",
        "Made by `python -m bench.access`; see [performance](performance.md#what-access-costs).",
        "",
        f"holdfast {version}; {settings}. CPU is the server's, per request;",
        "`x open` is against `--open` in the same run.",
        "",
        "| workload | as | requests/s | CPU us | x open |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for title, found in rows.items():
        base = found["open"].cpu_us
        lines += [
            f"| {title} | {name} | {one.rate:,.0f} | {one.cpu_us:.1f} | {one.cpu_us / base:.2f} |"
            for name, one in found.items()
        ]
    lines += ["", "| target | bound | found | |", "| --- | ---: | ---: | --- |"]
    found = rows["manifest GET by tag"]
    for way, bound in _TARGETS.items():
        ratio = found[way].cpu_us / found["open"].cpu_us
        many = found[f"{way}, 10,000 grants"].cpu_us / found[way].cpu_us
        lines.append(_verdict(f"manifest GET with {way}: CPU against `--open`", bound, ratio))
        lines.append(_verdict(f"manifest GET with {way}: 10,000 grants against one", _MANY, many))
    return "\n".join(lines) + "\n"


def _verdict(title: str, bound: float, found: float) -> str:
    return f"| {title} | {bound:.2f} | {found:.2f} | {'met' if found <= bound else 'MISSED'} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print; 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.access", description="What access costs.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.7)
    parser.add_argument("--only", default="", help="a workload")
    parser.add_argument("--publish", action="store_true", help="write docs/reference/performance-access.md")
    given = parser.parse_args(arguments)
    directory = Path(tempfile.mkdtemp(prefix="bench-access-"))
    rows: dict[str, dict[str, Figures]] = {}
    servers: list[Server] = []
    try:
        entrants, servers, version = _entrants(directory, directory.name)
        for workload in _chosen():
            if given.only in workload.name:
                rows[workload.title] = _play(workload, entrants, given.rounds, given.seconds)
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)
    text = _page(rows, version, f"{given.rounds} slices of {given.seconds:g} s each, in turns, medians")
    print(text)
    if given.publish:
        _PAGE.write_text(text)
    return 1 if "MISSED" in text else 0


if __name__ == "__main__":
    sys.exit(main())
