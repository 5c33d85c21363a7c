"""The compose file: what compose itself says of it where it is installed, and what every service must have."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.clients.programs import SYSTEM, find
from tests.deploy.proxies import DEPLOY, make_tls, nginx, replaced
from tests.deploy.yaml_reader import read_yaml
from tests.ports import free_port
from tests.serving import program

from holdfast import __version__
from holdfast.app.config import load, options

COMPOSE = DEPLOY / "compose"
OURS = ("migrate", "node1", "node2", "worker")
# Of the compose specification, what this file may use.
KEYS = frozenset(
    {"build", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck", "image", "networks"}
    | {"ports", "read_only", "restart", "secrets", "security_opt", "stop_grace_period", "tmpfs", "ulimits", "volumes"}
)
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    text = (COMPOSE / "compose.yaml").read_text(encoding="utf-8")
    return read_yaml(VARIABLE.sub(r"\2", text), tmp_path / "yaml")


def test_compose_takes_it(tmp_path: Path) -> None:
    docker, own = shutil.which("docker"), shutil.which("docker-compose")
    asked = [[docker, "compose"]] if docker else []
    asked += [[own]] if own else []
    for command in asked:
        if subprocess.run([*command, "version"], capture_output=True, timeout=60, check=False).returncode == 0:
            break
    else:
        pytest.skip("compose is not on this machine: apt-get install docker-compose")
    for name in ("compose.yaml", "make-secrets", "nginx.conf"):
        shutil.copy2(COMPOSE / name, tmp_path / name)
    made = subprocess.run([tmp_path / "make-secrets"], capture_output=True, timeout=60, check=False)
    assert made.returncode == 0, made.stderr
    done = subprocess.run(
        [*command, "--file", "compose.yaml", "config", "--quiet"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_every_service_is_confined_and_looked_after(document: dict[str, Any]) -> None:
    services: dict[str, Any] = document["services"]
    assert set(OURS) | {"postgres", "s3", "nginx"} == set(services)
    for name, service in services.items():
        assert set(service) <= KEYS, f"{name}: {set(service) - KEYS}"
        assert re.search(r":[\w.-]*\d[\w.-]*$", service["image"]), f"{name}: {service['image']} names no version"
        assert "healthcheck" in service
        assert "privileged" not in service
        for needed, how in service.get("depends_on", {}).items():
            assert needed in services
            assert how["condition"] != "service_healthy" or "test" in services[needed]["healthcheck"]
    for name in OURS:
        service = services[name]
        assert service["image"] == f"holdfast:{__version__}"
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    # What waits for the migration starts after it.
    assert all("migrate" in services[name]["depends_on"] for name in OURS if name != "migrate")
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]


def test_secrets_come_as_files(document: dict[str, Any]) -> None:
    services: dict[str, Any] = document["services"]
    secrets: dict[str, Any] = document["secrets"]
    used = set()
    for service in services.values():
        named = {each if isinstance(each, str) else each["source"] for each in service.get("secrets", [])}
        used |= named
        for name, value in service.get("environment", {}).items():
            assert not re.search(r"PASSWORD$|SECRET_KEY$|SECRET_ACCESS_KEY$|DATABASE$|TOKEN$", name), name
            for path in re.findall(r"/run/secrets/(\w+)", str(value)):
                assert path in named, f"{name}: {path} is not given to it"
    assert used == set(secrets)
    assert all(each["file"].startswith("secrets/") for each in secrets.values())
    assert "secrets/" in (COMPOSE / ".gitignore").read_text()


def test_every_variable_is_a_setting(document: dict[str, Any]) -> None:
    """A setting, or a file that the container's entry point reads one from; together they are sound."""
    entrypoint = (DEPLOY / "container" / "entrypoint").read_text(encoding="utf-8")
    known = {each.environment for each in options()}
    for name in OURS:
        environment: dict[str, str] = dict(document["services"][name]["environment"])
        for variable in list(environment):
            if variable not in known:
                secret = variable.removesuffix("_FILE")
                assert secret != variable, variable
                assert f'"{secret}"' in entrypoint, variable
        kept = {key: value for key, value in environment.items() if key in known and not key.endswith("_FILE")}
        load({}, kept)


def test_the_secrets_are_made_once(tmp_path: Path) -> None:
    shutil.copy2(COMPOSE / "make-secrets", tmp_path / "make-secrets")
    environment = {"PATH": f"{program().parent}:/usr/bin:/bin"}

    def make() -> dict[str, bytes]:
        subprocess.run([tmp_path / "make-secrets", "hub.example.com"], env=environment, check=True, timeout=60)
        return {path.name: path.read_bytes() for path in (tmp_path / "secrets").rglob("*") if path.is_file()}

    first = make()
    assert make() == first
    assert {"admin_password", "database_url", "master_key", "server.crt", "server.key", "ca.crt"} <= set(first)
    password = first["database_password"].decode()
    assert first["database_url"].decode() == f"postgresql://holdfast:{password}@postgres/holdfast\n"
    assert len({value for name, value in first.items() if "tls" not in name}) == len(first)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    load({}, {"HOLDFAST_DATABASE": first["database_url"].decode().strip()})
    load({}, {"HOLDFAST_ADMIN_PASSWORD": first["admin_password"].decode()})


def test_nginx_takes_its_part(tmp_path: Path) -> None:
    tls = make_tls(tmp_path / "tls")
    port = free_port()
    site = replaced(
        (COMPOSE / "nginx.conf").read_text(encoding="utf-8"),
        {
            "server node1:5000": "server 127.0.0.1:1",
            "server node2:5000": "server 127.0.0.1:2",
            "listen 443 ssl;\n    http2 on;": f"listen 127.0.0.1:{port} ssl;",
            "/run/secrets/server": str(tls.place / "server"),
        },
    )
    with nginx(tmp_path / "nginx", site, port):
        pass


def test_nginx_says_the_same_here_and_there() -> None:
    """The two files differ in names and addresses alone, and in what only files on nginx's own host allow."""
    here, there = (
        path.read_text(encoding="utf-8").partition("upstream holdfast")[2]
        for path in (COMPOSE / "nginx.conf", DEPLOY / "proxies" / "nginx" / "holdfast.conf")
    )
    differ = re.compile(
        r"^\s*(server [\w.]+:5000.*|listen .*|http2 on;|server_name .*|ssl_certificate\S* .*)\n", re.MULTILINE
    )
    there = re.sub(r"\n    # Optional, .*?\n    #}\n", "", there, flags=re.DOTALL)
    assert differ.sub("", here) == differ.sub("", there)


def test_the_shell_script_is_plain() -> None:
    done = subprocess.run([str(find("sh", *SYSTEM)), "-n", str(COMPOSE / "make-secrets")], timeout=30, check=False)
    assert done.returncode == 0
