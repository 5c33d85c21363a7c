"""`tools/clients.py`: what it lists, and how it derives unstable's archive from the machine's own sources."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
STANZA = f"Types: deb\nURIs: mirror+file:/m\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: {KEYS}\n"


def derived(*texts: str) -> str | None:
    """Run `unstable_source` of the program over these source files of a Debian 12."""
    sys.path.insert(0, str(ROOT))
    try:
        module = runpy.run_path(str(ROOT / "tools" / "clients_unstable.py"))
    finally:
        sys.path.remove(str(ROOT))
    found: str | None = module["unstable_source"](texts, "bookworm")
    return found


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(STANZA, id="stanza"),
        pytest.param(f"# comment\n{STANZA.replace('-updates', '-security')}", id="comment"),
        pytest.param(f"{STANZA.replace('Suites: bookworm ', 'Suites: ')}\n{STANZA}", id="second stanza"),
        pytest.param(f"{STANZA.replace('debian-archive', 'vendor')}\n{STANZA}", id="a vendor's stanza first"),
        pytest.param(f"deb [signed-by={KEYS}] mirror+file:/m bookworm main contrib\n", id="line"),
    ],
)
def test_unstable_comes_from_the_machines_own_archive(text: str) -> None:
    assert derived(text) == f"Types: deb\nURIs: mirror+file:/m\nSuites: sid\nComponents: main\nSigned-By: {KEYS}\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("deb mirror+file:/m bookworm-security main\n", id="security only"),
        pytest.param(STANZA.replace("bookworm", "trixie"), id="another release"),
        pytest.param("deb-src mirror+file:/m bookworm main\n", id="sources only"),
    ],
)
def test_no_archive_is_made_up(text: str) -> None:
    assert derived(text) is None


def test_list_names_every_client_and_how_to_get_it() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "clients.py"), "list"], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    for name in ("docker.io", "podman", "skopeo", "docker.io (sid)", "oras (sid)", "crane", "regctl", "helm", "cosign"):
        assert [line for line in lines if line.startswith(f"{name} ")], name
    assert all("/" in line or "not here; " in line for line in lines)
