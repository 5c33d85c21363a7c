"""Real nginx, haproxy and Caddy in front of a real server, each with a configuration under test.

Promises: a proxy listens on loopback only, keeps everything it writes under one directory of the test, is ready when
its block is entered and gone when it is left; one that refuses its configuration fails at once with what it said.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.clients.programs import INSTALLED, find
from tests.ports import free_port
from tests.serving import pause, program

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
NAME = "registry.example.com"
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Tls:
    """A private authority and a server certificate for loopback and `NAME`."""

    place: Path

    @property
    def ca(self) -> Path:
        """Give the authority's certificate."""
        return self.place / "ca.crt"

    @property
    def crt(self) -> Path:
        """Give the server's certificate."""
        return self.place / "server.crt"

    @property
    def key(self) -> Path:
        """Give its key."""
        return self.place / "server.key"


def make_tls(place: Path) -> Tls:
    """Make certificates with the program's own verb."""
    command = [str(program()), "tls", "init", NAME, "127.0.0.1", "localhost", "--out", str(place)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return Tls(place)


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """Give `text` with each key replaced by its value; every key must stand in it."""
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the file"
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def nginx(place: Path, site: str, port: int) -> Iterator[int]:
    """Run nginx with the text of a site on `port` until the block is left."""
    place.mkdir(parents=True, exist_ok=True)
    temporary = "".join(
        f"  {kind}_temp_path {place}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # As root the workers would be another user's, who may not enter the test's directory.
    user = "user root;\n" if os.geteuid() == 0 else ""
    main = (
        f"daemon off;\n{user}worker_processes 1;\npid {place}/nginx.pid;\nerror_log stderr warn;\n"
        f"events {{ worker_connections 512; }}\nhttp {{\n  access_log off;\n{temporary}{site}\n}}\n"
    )
    (place / "nginx.conf").write_text(main, encoding="utf-8")
    where = find("nginx", Path("/usr/sbin"), Path("/usr/bin"))
    with _running([str(where), "-p", str(place), "-e", "stderr", "-c", str(place / "nginx.conf")], place, port):
        yield port


@contextlib.contextmanager
def haproxy(place: Path, text: str, port: int) -> Iterator[int]:
    """Run haproxy with this configuration, which binds `port`, until the block is left."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "haproxy.cfg").write_text(text, encoding="utf-8")
    where = find("haproxy", Path("/usr/sbin"), Path("/usr/bin"))
    with _running([str(where), "-db", "-f", str(place / "haproxy.cfg")], place, port):
        yield port


@contextlib.contextmanager
def caddy(place: Path, text: str, port: int) -> Iterator[int]:
    """Run Caddy with this Caddyfile, which listens on `port`, until the block is left."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "Caddyfile").write_text(text, encoding="utf-8")
    where = find("caddy", *INSTALLED, Path("/usr/bin"))
    with _running([str(where), "run", "--config", str(place / "Caddyfile"), "--adapter", "caddyfile"], place, port):
        yield port


@contextlib.contextmanager
def _running(command: list[str], place: Path, port: int) -> Iterator[None]:
    log = place / "log"
    with log.open("ab") as out:
        environment = {"PATH": os.environ["PATH"], "HOME": str(place), "XDG_DATA_HOME": str(place)}
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, cwd=place
        )
    try:
        deadline = time.monotonic() + _SECONDS
        while not _listens(port):
            said = log.read_text(encoding="utf-8", errors="replace")[-3000:]
            assert process.poll() is None, f"{command[0]} ended:\n{said}"
            assert time.monotonic() < deadline, f"{command[0]} does not listen:\n{said}"
            pause(0.02)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_SECONDS)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def nginx_site(tls: Tls, port: int, *upstreams: str) -> str:
    """Give the site file that is shipped, for these ports."""
    return replaced(
        (DEPLOY / "proxies" / "nginx" / "holdfast.conf").read_text(encoding="utf-8"),
        {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "server 127.0.0.1:5000 max_fails=2 fail_timeout=5s;": "".join(f"server {each};" for each in upstreams),
            "/etc/holdfast/tls/server": str(tls.place / "server"),
        },
    )


def haproxy_configuration(tls: Tls, port: int, *upstreams: str) -> str:
    """Give the configuration that is shipped, for these ports."""
    both = tls.place / "both.pem"
    both.write_bytes(tls.crt.read_bytes() + tls.key.read_bytes())
    nodes = "\n    ".join(f"server node{number} {each}" for number, each in enumerate(upstreams, 1))
    return replaced(
        (DEPLOY / "proxies" / "haproxy" / "haproxy.cfg").read_text(encoding="utf-8"),
        {
            "bind :443": f"bind 127.0.0.1:{port}",
            "/etc/haproxy/holdfast.pem": str(both),
            "server node1 127.0.0.1:5000": nodes,
        },
    )


def caddy_configuration(tls: Tls, port: int, *upstreams: str) -> str:
    """Give the Caddyfile that is shipped, for these ports, without an administration port."""
    text = replaced(
        (DEPLOY / "proxies" / "caddy" / "Caddyfile").read_text(encoding="utf-8"),
        {
            f"{NAME} {{": f"https://{NAME}:{port}, https://127.0.0.1:{port} {{\n\tbind 127.0.0.1",
            "/etc/holdfast/tls/server": str(tls.place / "server"),
            "to 127.0.0.1:5000": "to " + " ".join(upstreams),
        },
    )
    return f"{{\n\tadmin off\n\tauto_https disable_redirects\n\thttp_port {free_port()}\n}}\n{text}"
