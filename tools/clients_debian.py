"""Packages of this machine's own release, by apt, when root. No service of theirs is started."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tools.clients_machine import APT_SECONDS, Client, Unavailable, polite, present, run


@contextlib.contextmanager
def no_services() -> Iterator[None]:
    """Keep Debian's maintainer scripts from starting daemons while packages are installed."""
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
        policy.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            policy.unlink(missing_ok=True)


def refresh_package_lists() -> None:
    """Run apt's update once, before the first package is installed."""
    if shutil.which("apt-get") is None:
        raise Unavailable("this machine has no apt")
    if os.geteuid() != 0:
        raise Unavailable("apt needs root")
    run(["apt-get", "update"], seconds=APT_SECONDS)


def install_debian(client: Client) -> str:
    """Install one package of this machine's own release; raise Unavailable."""
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with no_services():
        run(
            polite("apt-get", "install", "-y", "-q", "--no-install-recommends", client.source),
            seconds=APT_SECONDS,
            env=quiet,
        )
    return present(client) or "unknown"
