"""`holdfast tls init`: the files, the lines to type, and refusals without a trace."""

from pathlib import Path

import pytest
from tests.cli.program import holdfast


def test_init_makes_the_files_and_prints_what_to_type(tmp_path: Path) -> None:
    text = holdfast(tmp_path, "tls", "init", "registry.example.com", "192.0.2.1", "--port", "5443").stdout
    assert sorted(path.name for path in (tmp_path / "tls").iterdir()) == [
        "ca.crt",
        "ca.key",
        "server.crt",
        "server.key",
    ]
    assert "certificate  tls/server.crt for registry.example.com, 192.0.2.1, until " in text
    assert "/etc/docker/certs.d/registry.example.com:5443/ca.crt" in text
    assert (
        "  holdfast serve --listen 0.0.0.0:5443 --tls-cert tls/server.crt --tls-key tls/server.key"
        " --public-url https://registry.example.com:5443\n"
    ) in text
    assert "PRIVATE KEY" not in text


def test_the_printed_flags_are_settings_that_hold(tmp_path: Path) -> None:
    text = holdfast(tmp_path, "tls", "init", "registry.example.com").stdout
    words = text.splitlines()[-1].split()
    assert words[:2] == ["holdfast", "serve"]
    holdfast(tmp_path, "config", *words[2:])


def test_a_second_init_keeps_the_authority_unless_told(tmp_path: Path) -> None:
    holdfast(tmp_path, "tls", "init", "a.example.com", "--out", "x/y")
    authority = (tmp_path / "x/y/ca.crt").read_bytes()
    assert "(kept: " in holdfast(tmp_path, "tls", "init", "b.example.com", "--out", "x/y").stdout
    assert (tmp_path / "x/y/ca.crt").read_bytes() == authority
    assert "(new)" in holdfast(tmp_path, "tls", "init", "b.example.com", "--out", "x/y", "--new-ca").stdout
    assert (tmp_path / "x/y/ca.crt").read_bytes() != authority


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("https://registry.example.com",), 1, "neither a host name nor an IP address"),
        ((), 2, "Missing argument 'HOST...'"),
        (("host", "--port", "0"), 2, "Invalid value for '--port'"),
        (("host", "--out", "/proc/tls"), 1, "/proc/tls cannot be written: "),
    ],
)
def test_refusals(tmp_path: Path, words: tuple[str, ...], status: int, message: str) -> None:
    assert message in holdfast(tmp_path, "tls", "init", *words, status=status).stderr
    assert list(tmp_path.iterdir()) == []
