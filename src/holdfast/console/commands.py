"""The commands that pages show: what to type to log in, push and pull, for each client.

Promises: a command works as it stands, for a registry with https as for one without, and for one whose certificate is
of a private authority: what a client wants to be told of that is in it, or stands below it. Names come checked from the
registry, so that none needs quoting; nobody's secret is in any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from holdfast.console.telling import AUTHORITY_FILE, HOSTS, Registry, Told, builder, engine, library, machine, runtime
from holdfast.registry.browsing.model import RepositoryType

__all__ = ["Client", "Image", "Registry", "copies", "login", "pull", "push", "refer"]

EXAMPLE = "alpine:3.20"


class Client(NamedTuple):
    """What a client is called, and what to type, line by line. `told`: what it has to be told before, once."""

    key: str
    name: str
    lines: tuple[str, ...]
    told: tuple[Told, ...] = ()

    @property
    def text(self) -> str:
        """The lines as they are copied."""
        return "\n".join(self.lines)


class Image(NamedTuple):
    """What is pulled. `reference`: a tag, or a digest."""

    repository: str
    reference: str
    kind: RepositoryType = RepositoryType.IMAGE

    def at(self, host: str) -> str:
        """As clients name it."""
        return f"{host}/{self.repository}{'@' if ':' in self.reference else ':'}{self.reference}"


def login(registry: Registry, client: str = "docker") -> str:
    """The line that logs `client` in."""
    name = f" --username {registry.user}" if registry.user else ""
    if client in ("podman", "skopeo"):
        return f"{client} login{_plain(registry, '--tls-verify=false')}{name} {registry.host}"
    if client == "nerdctl":
        return f"nerdctl{_plain(registry, '--insecure-registry')} login{name} {registry.host}"
    if client == "crane":
        return f"crane auth login --username {registry.user or 'NAME'} --password-stdin {registry.host}"
    if client == "helm":
        return f"helm registry login{_http(registry)}{name} {registry.host}"
    if client == "oras":
        return f"oras login{_http(registry)}{name} {registry.host}"
    return f"docker login{name} {registry.host}"


def pull(registry: Registry, image: Image, *, private: bool) -> list[Client]:
    """The commands that pull an artifact, for the clients that can take what it is; the usual one first. `private`:
    with the line that logs in."""
    name = image.at(registry.host)
    if image.kind in (RepositoryType.IMAGE, RepositoryType.EMPTY):
        clients = _pull_image(registry, name, private=private)
    else:
        oras = Client("oras", "oras", (f"oras pull{_http(registry)} {name}",), machine(registry))
        # oras writes the files that have a name, and those of charts have none.
        chart = image.kind is RepositoryType.HELM
        clients = [_helm_pull(registry, image) if chart else oras, _skopeo_pull(registry, name, "artifact")]
    return [_logged_in(registry, each) for each in clients] if private else clients


def push(registry: Registry, repository: str) -> list[Client]:
    """The commands that push something to `repository` for the first time."""
    clients: tuple[Callable[[Registry, str], Client], ...] = (
        _docker_push,
        _podman_push,
        _buildx_push,
        _helm_push,
        _oras_push,
    )
    return [each(registry, repository) for each in clients]


def refer(registry: Registry, image: Image) -> Client:
    """The commands that lay a signature and an SBOM beside an artifact, which is named by its digest."""
    name = image.at(registry.host)
    if registry.secure:
        trusted = f" --registry-cacert {AUTHORITY_FILE}" if registry.authority else ""
    else:
        trusted = " --allow-http-registry"
    kind = "--artifact-type application/spdx+json"
    lines = (
        f"cosign sign --key cosign.key --use-signing-config=false --tlog-upload=false{trusted} {name}",
        f"oras attach{_http(registry)} {kind} {name} sbom.spdx.json",
    )
    said = "The key is one of cosign generate-key-pair. Both clients read the log-in that docker keeps, or this one:"
    return Client("refer", "cosign and oras", lines, (Told(said, login(registry, "oras")), *machine(registry)))


def copies(registry: Registry, images: Sequence[Image]) -> str:
    """One line for each of several images, that pulls it."""
    return "\n".join(pull(registry, image, private=False)[0].lines[-1] for image in images)


_SECRET = "holdfast-pull"  # noqa: S105 - the name of a Kubernetes secret
_KEYED = ("docker", "podman", "nerdctl", "helm", "oras", "crane", "skopeo")


def _plain(registry: Registry, flag: str) -> str:
    return "" if registry.secure else f" {flag}"


def _http(registry: Registry) -> str:
    """What helm and oras take: the authority's certificate, or that there is none."""
    if registry.secure:
        return f" --ca-file {AUTHORITY_FILE}" if registry.authority else ""
    return " --plain-http"


def _logged_in(registry: Registry, client: Client) -> Client:
    if client.key not in _KEYED:
        return client
    told = client.told
    if client.key == "crane":
        told += (Told("crane does not ask for the key: paste it, then press Enter and Ctrl-D."),)
    return client._replace(lines=(login(registry, client.key), *client.lines), told=told)


def _pull_image(registry: Registry, name: str, *, private: bool) -> list[Client]:
    user = f" --user {registry.user or 'NAME'}" if private else ""
    authority = f" --hosts-dir {HOSTS}" if registry.authority else ""
    trusting = f"SSL_CERT_FILE={AUTHORITY_FILE} " if registry.authority else ""
    return [
        Client("docker", "docker", (f"docker pull {name}",), engine(registry)),
        Client("podman", "podman", (f"podman pull{_plain(registry, '--tls-verify=false')} {name}",), library(registry)),
        Client(
            "nerdctl",
            "nerdctl",
            (f"nerdctl{_plain(registry, '--insecure-registry')} pull {name}",),
            runtime(registry) if registry.secure else (),
        ),
        Client(
            "ctr",
            "ctr",
            (f"ctr images pull{_plain(registry, '--plain-http')}{authority}{user} {name}",),
            runtime(registry) if registry.authority else (),
        ),
        _kubernetes(registry, name, private=private),
        Client(
            "crane",
            "crane",
            (f"{trusting}crane pull{_plain(registry, '--insecure')} {name} image.tar",),
            machine(registry),
        ),
        _skopeo_pull(registry, name, "image"),
    ]


def _skopeo_pull(registry: Registry, name: str, into: str) -> Client:
    line = f"skopeo copy{_plain(registry, '--src-tls-verify=false')} docker://{name} oci:{into}"
    return Client("skopeo", "skopeo", (line,), library(registry))


def _helm_pull(registry: Registry, image: Image) -> Client:
    chart = f"oci://{registry.host}/{image.repository}"
    # Helm writes `+` of a version as `_` in the tag.
    version = image.reference.replace("_", "+")
    reference = f"{chart}@{image.reference}" if ":" in image.reference else f"{chart} --version {version}"
    return Client("helm", "helm", (f"helm pull{_http(registry)} {reference}",), machine(registry))


def _kubernetes(registry: Registry, name: str, *, private: bool) -> Client:
    if not private:
        return Client("kubernetes", "Kubernetes", (f"image: {name}",), runtime(registry))
    secret = (
        f"kubectl create secret docker-registry {_SECRET} --docker-server={registry.host} "
        f'--docker-username={registry.user or "NAME"} --docker-password="$KEY"'
    )
    return Client(
        "kubernetes",
        "Kubernetes",
        ("imagePullSecrets:", f"  - name: {_SECRET}", "containers:", "  - name: app", f"    image: {name}"),
        (Told("The secret comes from a key:", secret), *runtime(registry)),
    )


def _docker_push(registry: Registry, repository: str) -> Client:
    target = f"{registry.host}/{repository}:first"
    lines = (login(registry), f"docker pull {EXAMPLE}", f"docker tag {EXAMPLE} {target}", f"docker push {target}")
    return Client("docker", "docker", lines, engine(registry))


def _podman_push(registry: Registry, repository: str) -> Client:
    example = f"docker.io/library/{EXAMPLE}"
    flag = _plain(registry, "--tls-verify=false")
    lines = (
        login(registry, "podman"),
        f"podman pull {example}",
        f"podman push{flag} {example} {registry.host}/{repository}:first",
    )
    return Client("podman", "podman", lines, library(registry))


def _buildx_push(registry: Registry, repository: str) -> Client:
    target = f"{registry.host}/{repository}:first"
    told, flags = builder(registry)
    lines = (
        login(registry),
        *told,
        f"docker buildx create --use{flags}",
        f"docker buildx build --platform linux/amd64,linux/arm64 --tag {target} --push .",
    )
    return Client("buildx", "buildx", lines, (*engine(registry), Told("Where the Dockerfile is.")))


def _helm_push(registry: Registry, repository: str) -> Client:
    above, _, chart = f"{registry.host}/{repository}".rpartition("/")
    lines = (
        login(registry, "helm"),
        f"helm create {chart}",
        f"helm package {chart}",
        f"helm push{_http(registry)} {chart}-0.1.0.tgz oci://{above}",
    )
    return Client("helm", "helm", lines, machine(registry))


def _oras_push(registry: Registry, repository: str) -> Client:
    target = f"{registry.host}/{repository}:first"
    lines = (
        login(registry, "oras"),
        "echo hello > hello.txt",
        f"oras push{_http(registry)} {target} hello.txt:text/plain",
    )
    return Client("oras", "oras", lines, machine(registry))
