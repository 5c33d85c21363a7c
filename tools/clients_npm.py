"""Programs for Node at pinned versions, under `.tools/npm`, and scripts that run in browsers, as `package-lock.json`
pins them, under `.tools/scripts`: by the machine's own npm."""

from __future__ import annotations

import json
import shutil

from tools.clients_machine import BIN, ROOT, TOOLS, Client, Unavailable, polite, run

INSTALL_SECONDS = 600


def install_npm(client: Client) -> str:
    """Install one program and link it into `.tools/bin`; raise Unavailable."""
    npm = _npm()
    home = TOOLS / "npm"
    home.mkdir(parents=True, exist_ok=True)
    options = ["--no-audit", "--no-fund", "--omit=dev", "--ignore-scripts", "--no-package-lock"]
    wanted = f"{client.source}@{client.version}"
    run(polite(npm, "install", "--prefix", str(home), *options, wanted), seconds=INSTALL_SECONDS)
    return _linked(client, f"npm/node_modules/.bin/{client.program}")


def install_script(client: Client) -> str:
    """Install what the lock file pins, checked against its integrity, and link one file of it; raise Unavailable."""
    npm = _npm()
    home = TOOLS / "scripts"
    home.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(ROOT / name, home / name)
    options = ["--no-audit", "--no-fund", "--ignore-scripts"]
    run(polite(npm, "ci", "--prefix", str(home), *options), seconds=INSTALL_SECONDS, cwd=home)
    return _linked(client, f"scripts/node_modules/{client.source}/{client.program}")


def locked(package: str) -> str:
    """The version of a package in the lock file."""
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    version: str = lock["packages"][f"node_modules/{package}"]["version"]
    return version


def _npm() -> str:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Unavailable("no npm on this machine")
    return npm


def _linked(client: Client, path: str) -> str:
    BIN.mkdir(parents=True, exist_ok=True)
    link = BIN / client.program
    link.unlink(missing_ok=True)
    link.symlink_to(TOOLS / path)
    return client.version
