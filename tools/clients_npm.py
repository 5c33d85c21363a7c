"""Programs for Node at pinned versions, under `.tools/npm`, by the machine's own npm."""

from __future__ import annotations

import shutil

from tools.clients_machine import BIN, TOOLS, Client, Unavailable, polite, run

INSTALL_SECONDS = 600


def install_npm(client: Client) -> str:
    """Install one program and link it into `.tools/bin`; raise Unavailable."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Unavailable("no npm on this machine")
    home = TOOLS / "npm"
    home.mkdir(parents=True, exist_ok=True)
    options = ["--no-audit", "--no-fund", "--omit=dev", "--ignore-scripts", "--no-package-lock"]
    wanted = f"{client.source}@{client.version}"
    run(polite(npm, "install", "--prefix", str(home), *options, wanted), seconds=INSTALL_SECONDS)
    BIN.mkdir(parents=True, exist_ok=True)
    link = BIN / client.program
    link.unlink(missing_ok=True)
    link.symlink_to(home / "node_modules" / ".bin" / client.program)
    return client.version
