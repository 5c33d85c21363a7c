#!/usr/bin/env python3
"""Bring the real registry clients onto this machine, for `make tools`.

Promises: needs the standard library only; writes to `.tools/` and nowhere else, save for the Debian packages that root
lets apt install (no service of theirs is started); a second run is a matter of seconds; a client that cannot be had is
one line that says why and how to get it, never a failure (its tests skip with a reason). Six kinds:

- `debian`: packages of this machine's own release, by apt, when root.
- `sid`: packages of Debian's unstable suite that run on Debian 12 as they are, by a private apt state whose source is
  derived from this machine's own; unpacked under `.tools/sid`, nothing of the system touched.
- `go`: `go install` at a pinned version into `.tools/bin`; without a Go on the machine, unstable's Go is unpacked too.
- `own`: a Go program of this project's own that is made of others' packages, from its folder under `tools`.
- `npm`: `npm install` at a pinned version under `.tools/npm`, where the machine has an npm.
- `script`: what `package-lock.json` pins, for the tests in a browser, by the same npm.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.clients_debian import install_debian, refresh_package_lists
from tools.clients_go import build_own, find_go, install_go
from tools.clients_machine import Client, Unavailable, advice, place, present, stamp
from tools.clients_npm import install_npm, install_script, locked
from tools.clients_unstable import Unstable

DEBIAN = tuple(
    Client(package, "debian", package, program)
    for package, program in (
        ("ca-certificates", "update-ca-certificates"),  # Go modules come by https
        ("docker.io", "dockerd"),
        ("containerd", "containerd"),
        ("runc", "runc"),
        ("podman", "podman"),
        ("buildah", "buildah"),
        ("skopeo", "skopeo"),
        ("umoci", "umoci"),
        ("nginx-light", "nginx"),
        ("docker-registry", "docker-registry"),
        ("postgresql-15", "/usr/lib/postgresql/15/bin/postgres"),
        ("pgbouncer", "pgbouncer"),
        ("haproxy", "haproxy"),
        ("faketime", "faketime"),
        ("caddy", "caddy"),
        ("ceph-mon", "ceph-mon"),
        ("ceph-osd", "ceph-osd"),
        ("radosgw", "radosgw"),
        ("prometheus", "promtool"),
        ("chromium", "chromium"),
        ("chromium-headless-shell", "chromium-headless-shell"),
        ("fonts-dejavu-core", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
        ("fonts-noto-core", "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf"),
    )
)
UNSTABLE = tuple(
    Client(f"{package} (sid)", "sid", package, program)
    for package, program in (
        ("docker.io", "usr/sbin/dockerd"),
        ("docker-cli", "usr/bin/docker"),
        ("docker-buildx", "usr/libexec/docker/cli-plugins/docker-buildx"),
        ("containerd", "usr/bin/containerd"),
        ("oras", "usr/bin/oras"),
        ("notation", "usr/bin/notation"),
    )
)
GO = tuple(
    Client(module.rsplit("/", 1)[1], "go", module, module.rsplit("/", 1)[1], version)
    for module, version in (
        ("github.com/google/go-containerregistry/cmd/crane", "v0.21.9"),
        ("github.com/regclient/regclient/cmd/regctl", "v0.11.5"),
        ("github.com/distribution/distribution/v3/cmd/registry", "v3.1.1"),
        ("github.com/containerd/containerd/v2/cmd/ctr", "v2.3.4"),
        ("github.com/containerd/containerd/v2/cmd/containerd", "v2.3.4"),
        ("github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2", "v2.3.4"),
        ("helm.sh/helm/v4/cmd/helm", "v4.2.4"),
        ("github.com/sigstore/cosign/v3/cmd/cosign", "v3.1.2"),
        ("github.com/versity/versitygw/cmd/versitygw", "v1.7.0"),
    )
)
OWN = (Client("receivers", "own", "tools/receivers", "receivers", "1"),)
NPM = (
    Client("azurite", "npm", "azurite", "azurite-blob", "3.35.0"),
    Client("axe-core", "script", "axe-core", "axe.min.js", locked("axe-core")),
)


def say(client: Client, version: str, where: str) -> None:
    """Print the client's line."""
    print(f"{client.name:<24} {version:<32} {where}", flush=True)


def once(prepare: Callable[[], str | None]) -> Callable[[], str]:
    """Make a step that is done at its first call; its failure is remembered and raised at every call."""
    results: list[str | Unavailable] = []

    def step() -> str:
        if not results:
            try:
                results.append(prepare() or "")
            except Unavailable as why:
                results.append(why)
        if isinstance(results[0], Unavailable):
            raise results[0]
        return results[0]

    return step


def install_all() -> None:
    """Bring every client that is missing; print one line each."""
    unstable = Unstable()
    lists, go = once(refresh_package_lists), once(lambda: find_go(unstable))

    def bring(client: Client) -> str:
        if client.kind == "debian":
            lists()
            return install_debian(client)
        if client.kind in ("npm", "script"):
            return install_npm(client) if client.kind == "npm" else install_script(client)
        if client.kind == "own":
            return build_own(client, go())
        return unstable.unpack(client.source) if client.kind == "sid" else install_go(client, go())

    for client in (*DEBIAN, *UNSTABLE, *GO, *OWN, *NPM):
        version, started = present(client), time.monotonic()
        if version is not None:
            say(client, version, f"{place(client)} (already here)")
            continue
        try:
            version = bring(client)
        except Unavailable as why:
            say(client, "-", f"not here: {why}; {advice(client)}")
            continue
        if client.kind != "debian":
            stamp(client, version)
        say(client, version, f"{place(client)} ({time.monotonic() - started:.1f} s)")


def list_all() -> None:
    """Print what is here and how to get the rest."""
    for client in (*DEBIAN, *UNSTABLE, *GO, *OWN, *NPM):
        version = present(client)
        say(client, version or "-", place(client) if version else f"not here; {advice(client)}")


def main() -> int:
    """Run `install` or `list`."""
    parser = argparse.ArgumentParser(description="Install or list the real registry clients that the tests drive.")
    parser.add_argument("command", choices=("install", "list"))
    if parser.parse_args().command == "install":
        install_all()
    else:
        list_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
