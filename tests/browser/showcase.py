"""A registry as a small company has it, for the pictures of the README: images with layers in common, a few people and
robots, releases, roll-backs and pulls."""

from __future__ import annotations

from contextlib import ExitStack

from tests.browser.filled import Pusher, config_of
from tests.management.api import Asker, segment
from tests.serving import Credentials, Server, pause
from tests.wire.content import OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Document, descriptor, encoded, noise, referrer

PASSWORD = "a pass phrase for the pictures"
PLATFORMS: tuple[Document, ...] = (
    {"os": "linux", "architecture": "amd64"},
    {"os": "linux", "architecture": "arm64", "variant": "v8"},
)
IMAGES = {
    "shop/api": ("v1.8.2", "v1.9.0", "v1.10.0", "v1.10.1", "v1.11.0-rc.1"),
    "shop/web": ("2026.10.1", "2026.11.0", "2026.11.1"),
    "shop/worker": ("v1.9.0", "v1.10.0"),
    "platform/base": ("3.20", "3.21"),
    "ml/trainer": ("nightly-1120", "nightly-1121", "nightly-1122"),
}
SIZES = (3_400_000, 900_000, 240_000, 60_000)
STEPS = (
    "ADD alpine-minirootfs.tar.gz / # buildkit",
    "RUN apk add --no-cache ca-certificates python3",
    "COPY requirements.lock /srv/ # buildkit",
    "COPY src /srv # buildkit",
)


def push(pusher: Pusher, repository: str, tag: str, platform: Document) -> bytes:
    """Push one image; its first two layers are those of every image of that platform."""
    machine = str(platform["architecture"])
    layers = [
        noise(size, f"{machine}/{at}" if at < 2 else f"{machine}/{repository}/{tag}/{at}")
        for at, size in enumerate(SIZES)
    ]
    config = _config(layers, platform, repository, tag)
    for data in (*layers, config):
        pusher.blob(data)
    manifest = encoded(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [descriptor(layer, OCI_LAYER) for layer in layers],
        }
    )
    pusher.manifest(manifest)
    return manifest


def _config(layers: list[bytes], platform: Document, repository: str, tag: str) -> bytes:
    made = config_of(layers, platform)
    text = made.decode()
    for at, step in enumerate(STEPS):
        text = text.replace("/bin/sh -c #(nop) ADD file:0 in / " if at == 0 else f"/bin/sh -c step {at} &&  true", step)
    return text.replace('"title": "app"', f'"title": "{repository}:{tag}"').encode()


def push_release(pusher: Pusher, repository: str, tag: str) -> bytes:
    """Push an index of two platforms under a tag; gives it."""
    children = [(push(pusher, repository, tag, platform), platform) for platform in PLATFORMS]
    entries = [descriptor(data, OCI_MANIFEST, platform=platform) for data, platform in children]
    index = encoded({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    pusher.manifest(index, tag, OCI_INDEX)
    pusher.manifest(index, "latest", OCI_INDEX)
    return children[0][0]


def lay(server: Server) -> Credentials:
    """Fill a new server; gives the person who looks."""
    with ExitStack() as ends:
        admin = Asker.named(server, server.admin.username, server.admin.password)
        ends.callback(admin.close)
        for name, display in (("maya", "Maya Lindqvist"), ("tom", "Tom Okafor")):
            admin.do(201, "POST", "/users", {"name": name, "password": PASSWORD, "display": display})
        admin.do(201, "POST", "/grants", {"subject": "user:maya", "role": "administrator", "scope": "**"})
        admin.do(201, "POST", "/grants", {"subject": "user:tom", "role": "writer", "scope": "shop/**"})
        robot = admin.do(201, "POST", "/robots", {"namespace": "shop", "name": "ci", "description": "The pipeline"})
        for scope in ("shop/**", "platform/**", "ml/**"):
            admin.do(201, "POST", "/grants", {"subject": robot["subject"], "role": "owner", "scope": scope})
        key = admin.do(201, "POST", "/keys", {"name": "pipeline", "owner": robot["subject"]})["secret"]
        ci = Asker.named(server, robot["subject"].partition(":")[2], key)
        ends.callback(ci.close)
        maya = Asker.named(server, "maya", PASSWORD)
        ends.callback(maya.close)
        _push_all(ci, maya)
        _say(admin)
        _count(admin)
    return Credentials("maya", PASSWORD)


def _push_all(ci: Asker, maya: Asker) -> None:
    for repository, tags in IMAGES.items():
        pusher = Pusher(ci.connection, repository)
        for tag in tags:
            first = push_release(pusher, repository, tag)
        if repository == "shop/api":
            pusher.blob(b"{}")
            for kind in ("application/vnd.dev.cosign.artifact.sig.v1+json", "application/spdx+json"):
                pusher.manifest(referrer(first, artifactType=kind))
        for agent in ("containerd/v2.1.4", "docker/28.4.0 go/go1.24.7"):
            for _ in range(3):
                Pusher(maya.connection, repository).pull(tags[-1], agent)


def _say(admin: Asker) -> None:
    for repository, text in (
        ("shop/api", "Orders, carts and payments"),
        ("shop/web", "The storefront"),
        ("platform/base", "What every image begins with"),
    ):
        admin.do(200, "PATCH", f"/repositories/{segment(repository)}", {"description": text})
    admin.do(200, "PUT", "/visibility", {"path": "platform/base", "visibility": "public"})
    admin.do(200, "PUT", "/quotas", {"path": "ml", "bytes": 20_000_000, "warn": 80})


def _count(admin: Asker) -> None:
    """Let the ledger be counted, and wait for it."""
    job = admin.do(202, "POST", "/storage/count")["id"]
    for _ in range(300):
        if admin.do(200, "GET", f"/jobs/{job}")["ended_at"] is not None:
            return
        pause(0.2)
    raise AssertionError("the storage is not counted after a minute")
