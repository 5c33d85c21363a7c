"""`holdfast config`: every value with its origin, errors all at once with status 2, no secret."""

import json
from pathlib import Path

from tests.cli.program import holdfast


def test_every_setting_has_a_line(tmp_path: Path) -> None:
    (tmp_path / "holdfast.toml").write_text("[storage]\nreserve = '2GiB'\n")
    done = holdfast(
        tmp_path, "config", "--config", "holdfast.toml", "--workers", "2", "--open", HOLDFAST_TRUSTED_PROXIES="10.0.0.1"
    )
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in done.stdout.splitlines()}
    assert rows["workers"] == ["2", "flag --workers"]
    assert rows["open"] == ["true", "flag --open"]
    assert rows["trusted_proxies"] == ["10.0.0.1/32", "environment HOLDFAST_TRUSTED_PROXIES"]
    assert rows["storage.reserve"] == ["2GiB", "file holdfast.toml, key storage.reserve"]
    assert rows["lease"] == ["24h", "default"]
    assert rows["public_url"] == ["-", "default"]
    assert done.stderr == ""


def test_json(tmp_path: Path) -> None:
    text = holdfast(tmp_path, "config", "--json", "--no-open", HOLDFAST_OPEN="true").stdout
    settings = json.loads(text)["settings"]
    assert settings["open"] == {"value": False, "origin": "flag --open"}
    assert settings["data"] == {"value": str(tmp_path / "data"), "origin": "default"}
    assert settings["trusted_proxies"]["value"] == []


def test_secrets_are_not_printed(tmp_path: Path) -> None:
    for words in (("config",), ("config", "--json")):
        done = holdfast(tmp_path, *words, HOLDFAST_ADMIN_PASSWORD="hunter2hunter2")
        assert "hunter2" not in done.stdout + done.stderr
        assert "(hidden)" in done.stdout
    assert "--admin-password " not in holdfast(tmp_path, "config", "--help").stdout


def test_all_errors_at_once(tmp_path: Path) -> None:
    done = holdfast(tmp_path, "config", "--listen", "0.0.0.0", "--lease", "x", status=2, HOLDFAST_WORKERS="many")
    assert done.stdout == ""
    assert done.stderr.startswith("holdfast: 3 settings are wrong\n")
    for origin in ("flag --listen", "flag --lease", "environment HOLDFAST_WORKERS"):
        assert f"from:    {origin}\n" in done.stderr


def test_a_slip_in_the_environment_is_noted(tmp_path: Path) -> None:
    assert "did you mean HOLDFAST_LEASE?" in holdfast(tmp_path, "config", HOLDFAST_LEAES="1h").stderr
