"""Packages of Debian's unstable suite, by an apt state of our own, unpacked under `.tools/sid`.

Promises: nothing of the system is touched; the address of the archive is the machine's own, no other is written here.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from tools.clients_machine import APT_SECONDS, SID, TOOLS, Unavailable, polite, run


def release() -> tuple[str, str]:
    """Give this machine's distribution and code name, e.g. ("debian", "bookworm")."""
    with contextlib.suppress(OSError):
        text = Path("/etc/os-release").read_text(encoding="utf-8")
        fields = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', text, re.MULTILINE))
        return fields.get("ID", ""), fields.get("VERSION_CODENAME", "")
    return "", ""


def unstable_source(texts: Sequence[str], codename: str) -> str | None:
    """Turn the first source of `codename`'s main archive among the machine's source files into one of unstable.

    `texts` are the contents of `*.sources` (deb822) and `*.list` files. None when no file names the archive.
    """
    for text in texts:
        for stanza in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n?", "", text)):
            fields = {key.lower(): value for key, value in re.findall(r"(?m)^([A-Za-z-]+):[ \t]*(.*)$", stanza)}
            keyring = fields.get("signed-by", "")
            if codename in fields.get("suites", "").split() and "main" in fields.get("components", "").split():
                if keyring and "debian-archive" not in keyring:
                    continue
                signed = f"Signed-By: {keyring}\n" if keyring else ""
                return f"Types: deb\nURIs: {fields.get('uris', '')}\nSuites: sid\nComponents: main\n{signed}"
        line = re.search(rf"(?m)^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+{re.escape(codename)}\s+(?:.*\s)?main\b", text)
        if line:
            option = re.search(r"signed-by=(\S+)", line.group(1) or "")
            signed = f"Signed-By: {option.group(1)}\n" if option else ""
            return f"Types: deb\nURIs: {line.group(2)}\nSuites: sid\nComponents: main\n{signed}"
    return None


class Unstable:
    """A private apt state for Debian's unstable suite under `.tools/apt`, made at its first use."""

    def __init__(self) -> None:
        self.directory = TOOLS / "apt"
        self.ready = False
        self.failure: Unavailable | None = None

    def options(self) -> list[str]:
        """Give apt's options that keep every list, cache and preference away from the system's."""
        places = {
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": str(self.directory / "sources"),
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State::lists": str(self.directory / "lists"),
            "Dir::Cache": str(self.directory / "cache"),
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        }
        return [part for key, value in places.items() for part in ("-o", f"{key}={value}")]

    def prepare(self) -> None:
        """Fetch unstable's package list, once; raise Unavailable, and the same again at every later call."""
        if self.failure is not None:
            raise self.failure
        if not self.ready:
            try:
                self.fetch_list()
            except Unavailable as why:
                self.failure = why
                raise
            self.ready = True

    def fetch_list(self) -> None:
        """Write the source and fetch unstable's package list; raise Unavailable."""
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise Unavailable("this machine has no apt")
        system, codename = release()
        files = sorted(Path("/etc/apt/sources.list.d").glob("*.sources")), [Path("/etc/apt/sources.list")]
        texts = [
            path.read_text(encoding="utf-8", errors="replace") for group in files for path in group if path.exists()
        ]
        source = unstable_source(texts, codename) if system == "debian" else None
        if source is None:
            raise Unavailable("no Debian archive among this machine's apt sources")
        for part in ("sources", "lists/partial", "cache/archives/partial", "packages"):
            (self.directory / part).mkdir(parents=True, exist_ok=True)
        (self.directory / "sources" / "unstable.sources").write_text(source, encoding="utf-8")
        run(["apt-get", *self.options(), "update"], seconds=APT_SECONDS)

    def unpack(self, package: str) -> str:
        """Download one package and unpack it under `.tools/sid`; give its version or raise Unavailable."""
        self.prepare()
        packages = self.directory / "packages"
        for old in packages.glob("*.deb"):
            old.unlink()
        run(["apt-get", *self.options(), "-q", "download", package], seconds=APT_SECONDS, cwd=packages)
        archive = str(next(packages.glob("*.deb")))
        SID.mkdir(parents=True, exist_ok=True)
        run(polite("dpkg-deb", "-x", archive, str(SID)), seconds=APT_SECONDS)
        version = run(["dpkg-deb", "-f", archive, "Version"], seconds=60).strip()
        os.unlink(archive)
        return version

    def depends(self, package: str) -> str:
        """Give the `Depends` field of unstable's newest version of a package; raise Unavailable."""
        self.prepare()
        shown = run(["apt-cache", *self.options(), "show", "--no-all-versions", package], seconds=60)
        field = re.search(r"(?m)^Depends: (.*)$", shown)
        return field.group(1) if field else ""
