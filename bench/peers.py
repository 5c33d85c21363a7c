"""The servers that are compared: how each is found, configured and asked for its version.

Each is set up as its maintainers ship it, on local files, without TLS, without log lines or debug port; only holdfast
keeps its access log on, as it would run. docs/reference/performance.md repeats these configurations in words.
"""

import base64
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.server import Kind, Launch, Recipe, Server

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server that the bench knows: the program it looks for, and what to do when there is none."""

    name: str
    kind: Kind
    program: str
    recipe: Callable[[str], Recipe]
    version: tuple[str, ...]
    hint: str
    basic: bool = False


def _distribution(program: str) -> Recipe:
    def recipe(root: Path, port: int) -> Launch:
        config = root / "config.yml"
        config.write_text(
            f"""version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {json.dumps(str(root / "data"))}}}
  cache: {{blobdescriptor: inmemory}}
  delete: {{enabled: true}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http: {{addr: "127.0.0.1:{port}", secret: bench}}
"""
        )
        return Launch((program, "serve", str(config)), {"OTEL_TRACES_EXPORTER": "none"})

    return recipe


def _zot(program: str) -> Recipe:
    def recipe(root: Path, port: int) -> Launch:
        config = root / "config.json"
        settings = {
            "distSpecVersion": "1.1.1",
            "storage": {"rootDirectory": str(root / "data"), "gc": False},
            "http": {"address": "127.0.0.1", "port": str(port)},
            "log": {"level": "error", "output": str(root / "zot.log")},
        }
        config.write_text(json.dumps(settings))
        return Launch((program, "serve", str(config)))

    return recipe


def _nginx(program: str) -> Recipe:
    def recipe(root: Path, port: int) -> Launch:
        config = root / "nginx.conf"
        user = f"user {pwd.getpwuid(os.getuid()).pw_name};" if os.getuid() == 0 else ""
        scratch = "\n".join(
            f"  {name}_temp_path {root}/scratch;" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config.write_text(
            f"""{user}
worker_processes 1;
daemon off;
pid {root}/nginx.pid;
error_log {root}/error.log error;
events {{ worker_connections 256; }}
http {{
{scratch}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  open_file_cache max=1000;
  default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port}; root {root}/data; }}
}}
"""
        )
        return Launch((program, "-p", str(root), "-e", str(root / "error.log"), "-c", str(config)))

    return recipe


def _holdfast(*more: str) -> Callable[[str], Recipe]:
    def for_program(program: str) -> Recipe:
        def recipe(root: Path, port: int) -> Launch:
            address = ("--data", str(root / "data"), "--listen", f"127.0.0.1:{port}")
            return Launch((program, "serve", *address, *more))

        return recipe

    return for_program


CANDIDATES: tuple[Candidate, ...] = (
    Candidate(
        "holdfast",
        Kind.HOLDFAST,
        "holdfast",
        _holdfast("--open"),
        ("--version",),
        "make install",
    ),
    Candidate(
        "holdfast+basic",
        Kind.HOLDFAST,
        "holdfast",
        _holdfast(),
        ("--version",),
        "make install",
        basic=True,
    ),
    Candidate(
        "registry",
        Kind.DISTRIBUTION,
        "registry",
        _distribution,
        ("--version",),
        "make tools, or go install github.com/distribution/distribution/v3/cmd/registry@v3.1.1",
    ),
    Candidate(
        "docker-registry",
        Kind.DISTRIBUTION,
        "docker-registry",
        _distribution,
        ("--version",),
        "apt-get install docker-registry",
    ),
    Candidate(
        "zot",
        Kind.ZOT,
        "zot",
        _zot,
        ("--version",),
        "a release of https://github.com/project-zot/zot (zot-minimal), named zot, on PATH",
    ),
    Candidate(
        "nginx",
        Kind.STATIC,
        "nginx",
        _nginx,
        ("-v",),
        "apt-get install nginx-light",
    ),
)


def find_program(name: str) -> str | None:
    """Look in $BENCH_PEERS_PATH, .tools/bin, beside this interpreter (holdfast), on PATH, and in /usr/sbin."""
    places = [*os.environ.get("BENCH_PEERS_PATH", "").split(os.pathsep), str(_ROOT / ".tools" / "bin")]
    if name == "holdfast":
        places = [str(Path(sys.executable).parent), *places]
    search = os.pathsep.join(
        [*filter(None, places), os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"]
    )
    return shutil.which(name, path=search)


def read_version(program: str, arguments: Iterable[str]) -> str:
    """The version that a program prints of itself: the first thing that looks like one, or 'unknown'."""
    done = subprocess.run((program, *arguments), capture_output=True, text=True, timeout=30, check=False)
    found = re.search(r"\bv?\d+\.\d+[\w.+~-]*", done.stdout + done.stderr)
    return found.group().removeprefix("v").removesuffix("+unknown") if found else "unknown"


def discover(wanted: Iterable[str], root: Path) -> tuple[list[Server], dict[str, str]]:
    """The servers of those names that can be started, each under `root`; and per missing one how to get it."""
    names = set(wanted)
    servers: list[Server] = []
    missing: dict[str, str] = {}
    for candidate in CANDIDATES:
        if candidate.name not in names:
            continue
        program = find_program(candidate.program)
        if program is None:
            missing[candidate.name] = candidate.hint
            continue
        servers.append(
            Server(
                name=candidate.name,
                kind=candidate.kind,
                version=read_version(program, candidate.version),
                recipe=candidate.recipe(program),
                root=root / candidate.name,
                basic=candidate.basic,
            )
        )
    return servers, missing


def log_in(server: Server) -> None:
    """Take the admin's name and password from what a first start printed; raises RuntimeError if it printed none."""
    text = (server.root / "stdout").read_text(errors="replace")
    found = re.search(r"^user: (\S+)\s+password: (\S+)", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"{server.name} printed no first password")
    credential = ":".join(found.groups())
    server.authorization = "Basic " + base64.b64encode(credential.encode()).decode()
