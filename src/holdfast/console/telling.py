"""What clients have to be told of a registry, once on each machine: that it has no TLS, or whose its certificate is.

Promises: docker, podman, containerd and buildkit look an address up exactly as the names of images have it; what is
said here is what they read. Whoever needs nothing is told nothing.
"""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import NamedTuple

from holdfast.web.place import Place

AUTHORITY_FILE = "ca.crt"
HOSTS = "/etc/containerd/certs.d"
_WHOSE = f"Its certificate is of a private authority. With {AUTHORITY_FILE}, that authority's own, from who runs it"
_BUILDKIT = "buildkitd.toml"


class Registry(NamedTuple):
    """Where clients reach the registry. `secure`: by https. `user`: who asks, '' nobody is signed in. `authority`: its
    certificate is of an authority that machines do not trust by themselves."""

    host: str
    secure: bool
    user: str = ""
    authority: bool = False

    @classmethod
    def at(cls, place: Place, user: str) -> Registry:
        """The registry whose pages stand at `place`."""
        return cls(place.host, place.secure, user, place.private)

    @property
    def loopback(self) -> bool:
        """Whether it is an address of each machine itself."""
        name = self.host if self.host.endswith("]") else self.host.rpartition(":")[0] or self.host
        try:
            return name == "localhost" or ip_address(name.strip("[]")).is_loopback
        except ValueError:
            return False


class Told(NamedTuple):
    """What a client has to be told. `command`: as it is copied, '' nothing is."""

    text: str
    command: str = ""


def engine(registry: Registry) -> tuple[Told, ...]:
    """Docker's daemon, which speaks with its own machine whatever it finds there."""
    if registry.loopback:
        return ()
    if registry.secure:
        return _installed(registry, "/etc/docker/certs.d", "docker")
    setting = json.dumps({"insecure-registries": [registry.host]})
    said = 'The registry has no TLS: docker wants "insecure-registries" in /etc/docker/daemon.json, and a restart.'
    return (Told(said, setting),)


def library(registry: Registry) -> tuple[Told, ...]:
    """Podman, buildah and skopeo; without TLS their flags say it."""
    return _installed(registry, "/etc/containers/certs.d", "podman and skopeo")


def runtime(registry: Registry) -> tuple[Told, ...]:
    """Containerd below Kubernetes and nerdctl."""
    place = f"{HOSTS}/{registry.host}"
    if registry.secure:
        if not registry.authority:
            return ()
        url, file = f"https://{registry.host}", f"{place}/{AUTHORITY_FILE}"
        text = f'server = "{url}"\\n[host."{url}"]\\n  ca = "{file}"\\n'
        line = f"sudo install -D -m 644 {AUTHORITY_FILE} '{file}' && printf '{text}' | sudo tee '{place}/hosts.toml'"
        return (Told(f"{_WHOSE}, containerd is told so by", line),)
    line = f"sudo mkdir -p '{place}' && echo 'server = \"http://{registry.host}\"' | sudo tee '{place}/hosts.toml'"
    return (Told("The registry has no TLS: on each node containerd is told so by", line),)


def machine(registry: Registry) -> tuple[Told, ...]:
    """Clients that take the authority's certificate from the command itself."""
    return (Told(f"{_WHOSE}, in this directory."),) if registry.authority else ()


def builder(registry: Registry) -> tuple[tuple[str, ...], str]:
    """A builder of buildx: the lines that write its configuration, and the flags that give it."""
    if registry.secure and not registry.authority:
        return (), ""
    said = f'ca = ["{AUTHORITY_FILE}"]' if registry.secure else "http = true"
    line = f"printf '[registry.\"{registry.host}\"]\\n  {said}\\n' > {_BUILDKIT}"
    # A builder is a container, and the machine's own addresses are its own there.
    network = " --driver-opt network=host" if registry.loopback else ""
    return (line,), f"{network} --buildkitd-config {_BUILDKIT}"


def _installed(registry: Registry, place: str, whose: str) -> tuple[Told, ...]:
    if not registry.authority:
        return ()
    line = f"sudo install -D -m 644 {AUTHORITY_FILE} '{place}/{registry.host}/{AUTHORITY_FILE}'"
    return (Told(f"{_WHOSE}, {whose} is told so by", line),)
