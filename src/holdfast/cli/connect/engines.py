"""Container engines: what docker, podman, containerd and a swarm read to pull from, or push to, one repository."""

from __future__ import annotations

import json
from base64 import b64encode
from shlex import quote

from holdfast.cli.connect.account import Account
from holdfast.cli.connect.registry import Registry
from holdfast.cli.connect.setup import File, Setup

_SWARM = """\
#!/bin/sh
# Log a manager of the swarm in to {host}, as {who}.
set -eu
docker login {host} --username {user} --password-stdin <<'END_OF_KEY'
{secret}
END_OF_KEY
# The nodes get the credentials with the service, and only with it:
#   docker service create --name NAME --with-registry-auth {image}:TAG
#   docker service update --with-registry-auth --image {image}:TAG NAME
#   docker stack deploy --with-registry-auth --compose-file compose.yaml STACK
"""
_HOSTS = """\
# containerd: {image}, as {who}.
server = "{url}"

[host."{url}"]
  capabilities = [{capabilities}]
{authority}  [host."{url}".header]
    authorization = ["Basic {pair}"]
"""
_INSECURE = """\
# podman, buildah, skopeo and CRI-O: {host} speaks plain HTTP.
[[registry]]
location = "{host}"
insecure = true
"""


def pair_of(account: Account) -> str:
    """User and key as Basic has them; what says so where there is no key."""
    pair = f"{account.user}:{account.secret}"
    return b64encode(pair.encode()).decode() if account.real else f"BASE64({pair})"


def docker_config(host: str, account: Account, *, several: bool = False) -> str:
    """Docker's `config.json` with one log-in. `several`: name and key by themselves too, as kubectl writes it."""
    login = {"auth": pair_of(account)}
    if several:
        login = {"username": account.user, "password": account.secret, **login}
    return json.dumps({"auths": {host: login}}, indent=1) + "\n"


def docker(registry: Registry, repository: str, account: Account) -> Setup:
    """`config.json`, which docker finds by DOCKER_CONFIG or `--config`."""
    host = registry.host
    files = [File("config.json", docker_config(host, account), "~/.docker/config.json", secret=True)]
    notes = [
        f"docker keeps one log-in a registry: with `docker --config DIR pull {host}/{repository}:TAG`, DIR/config.json "
        "leaves the others alone",
    ]
    notes += _trusted(registry, files, "/etc/docker/certs.d", "docker")
    if registry.plain and not registry.loopback:
        setting = json.dumps({"insecure-registries": [host]}) + "\n"
        files.append(File("daemon.json", setting, "/etc/docker/daemon.json"))
        notes.append(f"the daemon speaks plain HTTP with {host} once /etc/docker/daemon.json has {setting.strip()}")
    return Setup(tuple(files), tuple(notes))


def podman(registry: Registry, repository: str, account: Account) -> Setup:
    """`auth.json`, for this one repository; podman, buildah, skopeo and CRI-O read it."""
    image = f"{registry.host}/{repository}"
    logins = json.dumps({"auths": {image: {"auth": pair_of(account)}}}, indent=1) + "\n"
    files = [File("auth.json", logins, "~/.config/containers/auth.json", secret=True)]
    notes = [f"to use it where it is: podman pull --authfile auth.json {image}:TAG, or REGISTRY_AUTH_FILE"]
    notes += _trusted(registry, files, "/etc/containers/certs.d", "podman")
    if registry.plain:
        name = "registries.conf.d/holdfast.conf"
        files.append(File(name, _INSECURE.format(host=registry.host), f"/etc/containers/{name}"))
        notes.append(
            f"podman speaks plain HTTP with {registry.host} by --tls-verify=false, or once "
            f'/etc/containers/{name} has: [[registry]] location = "{registry.host}" insecure = true'
        )
    return Setup(tuple(files), tuple(notes))


def containerd(registry: Registry, repository: str, account: Account, *, push: bool) -> Setup:
    """`hosts.toml` of this registry, with the credential in it."""
    place = "/etc/containerd/certs.d"
    capabilities = ['"pull"', '"resolve"', *(['"push"'] if push else [])]
    authority = f'  ca = "{place}/{registry.host}/ca.crt"\n' if registry.authority else ""
    text = _HOSTS.format(
        image=f"{registry.host}/{repository}",
        who=account.subject,
        url=registry.url,
        capabilities=", ".join(capabilities),
        authority=authority,
        pair=pair_of(account),
    )
    name = f"certs.d/{registry.host}/hosts.toml"
    files = [File(name, text, f"/etc/containerd/{name}", secret=True)]
    notes = [
        f"it belongs at /etc/containerd/{name}; kubelets and nerdctl use it where containerd's config_path is "
        f"{place}, ctr with --hosts-dir {place}",
        *_trusted(registry, files, place, "containerd"),
    ]
    return Setup(tuple(files), tuple(notes))


def swarm(registry: Registry, repository: str, account: Account) -> Setup:
    """A script for a manager: log in, and how services are given the log-in."""
    text = _SWARM.format(
        host=registry.host,
        who=account.subject,
        user=quote(account.user),
        secret=account.secret,
        image=f"{registry.host}/{repository}",
    )
    files = [File("holdfast-swarm.sh", text, "a manager, by sh", secret=True)]
    notes = [
        "nodes pull with the log-in that came with the service: after a new key, service update --with-registry-auth"
    ]
    notes += _trusted(registry, files, "/etc/docker/certs.d", "every node's docker")
    if registry.plain and not registry.loopback:
        notes.append(f'every node needs {{"insecure-registries": ["{registry.host}"]}} in /etc/docker/daemon.json')
    return Setup(tuple(files), tuple(notes))


def _trusted(registry: Registry, files: list[File], place: str, whose: str) -> list[str]:
    """The authority as a file beside the others, and the sentence that says where it belongs."""
    if not registry.authority:
        return []
    path = f"{place}/{registry.host}/ca.crt"
    files.append(File(f"certs.d/{registry.host}/ca.crt", registry.authority, path))
    return [f"{whose} trusts the registry by: install -D -m 644 {quote(registry.authority_file)} {path}"]
