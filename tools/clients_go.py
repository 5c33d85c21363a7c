"""Go programs at pinned versions, built into `.tools/bin` by the machine's Go or by unstable's, unpacked for it."""

from __future__ import annotations

import contextlib
import re
import shutil

from tools.clients_machine import BIN, ROOT, SID, Client, Unavailable, polite, run
from tools.clients_unstable import Unstable

OLDEST_GO = (1, 21)  # the first that fetches the toolchain a module asks for
BUILD_SECONDS = 1800


def go_version(go: str) -> tuple[int, int] | None:
    """Give the version of a Go program as (major, minor), None when it does not run."""
    with contextlib.suppress(Unavailable):
        found = re.search(r"go(\d+)\.(\d+)", run([go, "env", "GOVERSION"], seconds=60))
        return (int(found.group(1)), int(found.group(2))) if found else None
    return None


def find_go(unstable: Unstable) -> str:
    """Give a Go new enough: the machine's, else unstable's under `.tools/sid`; raise Unavailable."""
    unpacked = sorted(str(path) for path in SID.glob("usr/lib/go-*/bin/go"))
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go", *unpacked):
        if candidate and (go_version(candidate) or (0, 0)) >= OLDEST_GO:
            return candidate
    try:
        packages = re.search(r"golang-\d+\.\d+-go", unstable.depends("golang-go"))
        if packages is None:
            raise Unavailable("unstable has none")
        unstable.unpack(packages.group(0).replace("-go", "-src"))
        unstable.unpack(packages.group(0))
    except Unavailable as why:
        raise Unavailable(f"no Go on this machine; {why}") from None
    linked = SID / "usr/lib" / packages.group(0).removesuffix("-go").replace("golang", "go")
    go = str(linked / "bin" / "go")
    if go_version(go) is None:
        raise Unavailable("unstable's Go does not run here")
    return go


def install_go(client: Client, go: str) -> str:
    """Build one Go program into `.tools/bin`; raise Unavailable."""
    BIN.mkdir(parents=True, exist_ok=True)
    env = {"GOBIN": str(BIN)}
    run(polite(go, "install", "-ldflags=-s -w", f"{client.source}@{client.version}"), seconds=BUILD_SECONDS, env=env)
    return client.version


def build_own(client: Client, go: str) -> str:
    """Build the Go program of this project in the folder `client.source` into `.tools/bin`; raise Unavailable."""
    BIN.mkdir(parents=True, exist_ok=True)
    command = [go, "build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o", str(BIN / client.program), "."]
    run(polite(*command), seconds=BUILD_SECONDS, cwd=ROOT / client.source)
    return client.version
