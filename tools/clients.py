#!/usr/bin/env python3
"""Bring the real registry clients onto this machine, for `make tools`.

Promises: needs the standard library only; writes to `.tools/` and nowhere else, save for the Debian packages that root
lets apt install (no service of theirs is started); a second run is a matter of seconds; a client that cannot be had is
one line that says why and how to get it, never a failure (its tests skip with a reason). Three kinds:

- `debian`: packages of this machine's own release, by apt, when root.
- `sid`: packages of Debian's unstable suite that run on Debian 12 as they are, by a private apt state whose source is
  derived from this machine's own; unpacked under `.tools/sid`, nothing of the system touched.
- `go`: `go install` at a pinned version into `.tools/bin`; without a Go on the machine, unstable's Go is unpacked too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
BIN, SID, STAMPS = TOOLS / "bin", TOOLS / "sid", TOOLS / "installed.json"
OLDEST_GO = (1, 21)  # the first that fetches the toolchain a module asks for
BUILD_SECONDS, APT_SECONDS = 1800, 900


@dataclass(frozen=True)
class Client:
    """One program: where it comes from (`source`: package or module), what it is called there, and its version."""

    name: str
    kind: str
    source: str
    program: str
    version: str = ""


class Unavailable(Exception):
    """This client cannot be had here; the text says why."""


DEBIAN = tuple(
    Client(package, "debian", package, program)
    for package, program in (
        ("docker.io", "dockerd"),
        ("containerd", "containerd"),
        ("podman", "podman"),
        ("buildah", "buildah"),
        ("skopeo", "skopeo"),
        ("umoci", "umoci"),
        ("nginx-light", "nginx"),
        ("docker-registry", "docker-registry"),
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
    )
)


def run(command: Sequence[str], *, seconds: float, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Run a command and give its standard output; raise Unavailable with the end of what it said."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} took longer than {seconds:.0f} s") from None
    except OSError as error:
        raise Unavailable(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise Unavailable(f"{Path(command[0]).name} said: {' / '.join(said[-2:])[:300] or done.returncode}")
    return done.stdout


def polite(*command: str) -> list[str]:
    """Give the command at a low priority where `nice` exists."""
    return ["nice", "-n", "10", *command] if shutil.which("nice") else list(command)


def stamps() -> dict[str, str]:
    """Give `program -> version` of what an earlier run put under `.tools/`."""
    try:
        found: dict[str, str] = json.loads(STAMPS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def stamp(client: Client, version: str) -> None:
    """Remember that this version of the client is under `.tools/` whole."""
    TOOLS.mkdir(exist_ok=True)
    fresh = STAMPS.with_suffix(".new")
    fresh.write_text(json.dumps({**stamps(), client.name: version}, indent=1, sort_keys=True), encoding="utf-8")
    fresh.replace(STAMPS)


def located(client: Client) -> Path | None:
    """Give where the client's program is, or None."""
    if client.kind == "debian":
        found = shutil.which(client.program, path="/usr/sbin:/usr/bin:/sbin:/bin")
        return Path(found) if found else None
    path = (SID if client.kind == "sid" else BIN) / client.program
    return path if path.exists() else None


def present(client: Client) -> str | None:
    """Give the version that is here already, or None when it must be installed (again)."""
    if located(client) is None:
        return None
    if client.kind == "debian":
        with contextlib.suppress(Unavailable):
            status = run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", client.source], seconds=60)
            state, _, version = status.partition(" ")
            return version if state == "installed" else None
        return None
    version = stamps().get(client.name, "")
    return version if version and version == (client.version or version) else None


def advice(client: Client) -> str:
    """Say how a person can get the client."""
    if client.kind == "debian":
        return f"as root: apt-get install --no-install-recommends {client.source}"
    if client.kind == "sid":
        return f"run `make tools` on Debian 12 or newer, or put {Path(client.program).name} on PATH"
    return f"with Go installed: go install {client.source}@{client.version}"


# --- this release's packages -----------------------------------------------------------------------------------------


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


# --- unstable's packages ---------------------------------------------------------------------------------------------


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
        """Write the source and fetch unstable's package list; raise Unavailable."""
        if self.ready:
            return
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
        self.ready = True

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


# --- Go programs -----------------------------------------------------------------------------------------------------


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
    packages = re.search(r"golang-\d+\.\d+-go", unstable.depends("golang-go"))
    if packages is None:
        raise Unavailable("no Go here and none in unstable")
    unstable.unpack(packages.group(0).replace("-go", "-src"))
    unstable.unpack(packages.group(0))
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


# --- the two commands ------------------------------------------------------------------------------------------------


def place(client: Client) -> str:
    """Give where the client is, from the project's root where it is under it."""
    path = located(client)
    return str(path.relative_to(ROOT) if path and path.is_relative_to(ROOT) else path)


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
        return unstable.unpack(client.source) if client.kind == "sid" else install_go(client, go())

    for client in (*DEBIAN, *UNSTABLE, *GO):
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
    for client in (*DEBIAN, *UNSTABLE, *GO):
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
