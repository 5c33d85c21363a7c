"""Where settings come from, which source wins, and that the record, the report and the defaults agree."""

import ipaddress
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.app.config import Listen, Loaded, Secret, Settings, load, options
from holdfast.app.config_record import build


def origin(loaded: Loaded, name: str) -> str:
    return next(each.origin for each in loaded.effective if each.name == name)


def value(loaded: Loaded, name: str) -> object:
    return next(each.value for each in loaded.effective if each.name == name)


DEFAULTS = {
    "listen": "127.0.0.1:5000",
    "workers": 1,
    "open": False,
    "open_to_network": False,
    "tls_cert": None,
    "tls_key": None,
    "public_url": None,
    "trusted_proxies": [],
    "allow_http": False,
    "admin_password_file": None,
    "admin_password": None,
    "stop_timeout": "30s",
    "lease": "24h",
    "window": "30d",
    "collect.grace": "1h",
    "scrub.rate": "4MiB",
    "database.url": None,
    "database.pool": 10,
    "database.statement_timeout": "5s",
    "database.prepared": True,
    "storage.url": None,
    "storage.public_endpoint": None,
    "storage.redirect": "auto",
    "storage.redirect_above": "1MiB",
    "storage.redirect_not_for": [],
    "storage.accel": None,
    "encryption.key_file": None,
    "encryption.key": None,
    "encryption.content": "auto",
    "encryption.vault_url": None,
    "encryption.vault_key": "holdfast",
    "encryption.vault_token_file": None,
    "encryption.vault_token": None,
    "jobs.embedded": True,
    "jobs.slots": 4,
    "jobs.lease": "30s",
    "jobs.history": "30d",
    "storage.reserve": "512MiB",
    "storage.inline": "16KiB",
    "uploads.expire": "24h",
    "uploads.sessions": 1000,
    "uploads.streams": 256,
    "uploads.idle": "1m",
    "uploads.chunk_min": "1MiB",
    "manifests.sparse_indexes": False,
    "pages.max": 10_000,
    "outbound.allow": [],
    "outbound.targets": [],
    "outbound.ca_file": None,
    "federation.token_life": "24h",
    "federation.keys_stale": "24h",
    "audit.file": None,
    "audit.bucket": None,
    "login.failures": 3,
    "login.accounts": 10,
    "login.delay_max": "5m",
    "login.forget": "1h",
    "login.trust": "7d",
    "login.key_overlap": "24h",
    "login.identity_header": None,
    "limits.requests": 0,
    "limits.burst": 0,
    "tokens.ttl": "5m",
    "tokens.refresh": "90d",
    "signin.idle": "8h",
    "signin.absolute": "24h",
    "signin.grace": "24h",
    "signin.key_life": "30d",
    "signin.second_factor_required": "none",
    "usage.keep": "90d",
    "usage.rows": 100_000,
    "metrics.listen": None,
    "metrics.worker_listen": None,
    "metrics.token_file": None,
    "metrics.token": None,
    "traces.endpoint": None,
    "traces.ratio": 1.0,
    "log.level": "info",
    "log.format": "json",
}


def test_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load({}, {})
    assert loaded.settings == build({"data": tmp_path / "data"})
    assert {each.origin for each in loaded.effective} == {"default"}
    shown = {each.name: each.value for each in loaded.effective}
    assert shown == {"data": str(tmp_path / "data"), **DEFAULTS}


def test_every_default_is_what_its_kind_reads_back() -> None:
    for each in options():
        if each.default is not None and each.name != "data":
            assert each.kind.read(each.kind.plain(each.default)) == each.default, each.name


def test_flag_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    file = tmp_path / "holdfast.toml"
    file.write_text('workers = 2\nlease = "2h"\n[log]\nlevel = "debug"\nformat = "console"\n')
    loaded = load(
        {"workers": "4", "lease": None},
        {"HOLDFAST_WORKERS": "3", "HOLDFAST_LEASE": "3h", "HOLDFAST_LOG_LEVEL": "error"},
        str(file),
    )
    assert loaded.settings.workers == 4
    assert origin(loaded, "workers") == "flag --workers"
    assert loaded.settings.lease == timedelta(hours=3)
    assert origin(loaded, "lease") == "environment HOLDFAST_LEASE"
    assert loaded.settings.log.level == "error"
    assert origin(loaded, "log.level") == "environment HOLDFAST_LOG_LEVEL"
    assert loaded.settings.log.format == "console"
    assert origin(loaded, "log.format") == f"file {file}, key log.format"
    assert origin(loaded, "window") == "default"


def test_the_environment_can_name_the_file_and_the_flag_wins(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text("workers = 11")
    two.write_text("workers = 12")
    assert load({}, {"HOLDFAST_CONFIG": str(one)}).settings.workers == 11
    assert load({}, {"HOLDFAST_CONFIG": str(one)}, str(two)).settings.workers == 12


def written(place: Path) -> tuple[Path, Path, Path]:
    """Files that settings name: a certificate, its key, a password."""
    certificate, key, password = place / "c.pem", place / "k.pem", place / "p"
    for path, text in ((certificate, "x"), (key, "x"), (password, "correct horse\n")):
        path.write_text(text)
    return certificate, key, password


def every_setting(place: Path) -> dict[str, str]:
    """A value for every setting that each source may give, none of them the default."""
    certificate, key, password = written(place)
    return {
        "data": str(place / "d"),
        "listen": "[::1]:5001",
        "workers": "2",
        "open": "true",
        "open_to_network": "yes",
        "tls_cert": str(certificate),
        "tls_key": str(key),
        "public_url": "https://Registry.Example.com:8443/",
        "trusted_proxies": "10.0.0.0/8, 192.0.2.7",
        "allow_http": "on",
        "admin_password_file": str(password),
        "stop_timeout": "5s",
        "lease": "0",
        "window": "0d",
        "collect.grace": "0s",
        "scrub.rate": "1MiB",
        "database.url": "postgresql://me@db/registry",
        "database.pool": "3",
        "database.statement_timeout": "9s",
        "database.prepared": "no",
        "storage.url": "s3://bucket/prefix",
        "storage.public_endpoint": "https://bucket.example.com",
        "storage.redirect": "on",
        "storage.redirect_above": "5MiB",
        "storage.redirect_not_for": "10.1.0.0/16",
        "encryption.content": "on",
        "encryption.vault_url": "https://vault.example.com:8200",
        "encryption.vault_key": "registry",
        "encryption.vault_token_file": str(password),
        "jobs.embedded": "off",
        "jobs.slots": "2",
        "jobs.lease": "10s",
        "jobs.history": "1d",
        "storage.reserve": "1GiB",
        "storage.inline": "0",
        "uploads.expire": "1h",
        "uploads.sessions": "5",
        "uploads.streams": "6",
        "uploads.idle": "7s",
        "uploads.chunk_min": "8KiB",
        "manifests.sparse_indexes": "1",
        "pages.max": "9",
        "outbound.allow": "192.168.0.0/16",
        "outbound.targets": "192.168.1.0/24",
        "outbound.ca_file": str(certificate),
        "federation.token_life": "2h",
        "federation.keys_stale": "3h",
        "audit.file": str(place / "checkpoints"),
        "audit.bucket": "s3://audit/here?region=eu",
        "login.failures": "5",
        "login.accounts": "20",
        "login.delay_max": "10m",
        "login.forget": "2h",
        "login.trust": "3d",
        "login.key_overlap": "2d",
        "login.identity_header": "X-Client-Name",
        "limits.requests": "600",
        "limits.burst": "60",
        "tokens.ttl": "2m",
        "tokens.refresh": "1d",
        "signin.idle": "1h",
        "signin.absolute": "2h",
        "signin.grace": "3h",
        "signin.key_life": "4h",
        "signin.second_factor_required": "everyone",
        "usage.keep": "2d",
        "usage.rows": "5000",
        "metrics.listen": "127.0.0.1:9090",
        "metrics.worker_listen": "10.1.2.3:9091",
        "metrics.token_file": str(password),
        "traces.endpoint": "https://collector.example.com:4318/otlp",
        "traces.ratio": "0.25",
        "log.level": "WARNING",
        "log.format": "console",
    }


def test_every_setting_can_come_from_each_source(tmp_path: Path) -> None:
    given = every_setting(tmp_path)
    by_name = {each.name: each for each in options()}
    # The master key has one source, here a Vault; its file is like every other file. A bucket has no files to hand on.
    secrets = {each.name for each in options() if each.secret}
    others = {"encryption.key_file", "storage.accel"}
    assert set(given) == set(by_name) - secrets - others, "a new setting needs a row here"
    flags: dict[str, object] = {**given}
    environment = {by_name[name].environment: text for name, text in given.items()}
    file = tmp_path / "holdfast.toml"
    file.write_text("".join(f'{name} = "{text}"\n' for name, text in given.items()))
    ways = [load(flags, {}), load({}, environment), load({}, {}, str(file))]
    assert ways[0].settings == ways[1].settings == ways[2].settings
    settings = ways[0].settings
    assert settings.listen == Listen("::1", 5001)
    assert settings.public_url == "https://registry.example.com:8443"
    assert settings.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("192.0.2.7/32"))
    assert settings.admin_password == Secret("correct horse")
    assert settings.log.level == "warning"
    assert settings.uploads.idle == timedelta(seconds=7)
    assert "default" not in {each.origin for way in ways for each in way.effective if each.name in given}


def test_toml_values_of_their_own_types(tmp_path: Path) -> None:
    file = tmp_path / "holdfast.toml"
    file.write_text(
        'open = true\nworkers = 3\nlease = 0\ntrusted_proxies = ["10.0.0.0/8", "::1"]\nstorage = { reserve = 1024 }\n'
    )
    settings = load({}, {}, str(file)).settings
    assert (settings.open, settings.workers, settings.lease) == (True, 3, timedelta(0))
    assert settings.storage.reserve == 1024
    assert len(settings.trusted_proxies) == 2


def test_paths_of_a_file_start_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "etc"
    place.mkdir()
    (place / "holdfast.toml").write_text('data = "kept"\n')
    monkeypatch.chdir(tmp_path)
    assert load({}, {}, "etc/holdfast.toml").settings.data == place / "kept"
    assert load({"data": "kept"}, {}, "etc/holdfast.toml").settings.data == tmp_path / "kept"


def test_an_empty_variable_counts_as_unset() -> None:
    assert load({}, {"HOLDFAST_PUBLIC_URL": "", "HOLDFAST_CONFIG": ""}).settings.public_url is None


def test_a_likely_slip_in_the_environment_is_noted_and_others_are_not() -> None:
    loaded = load({}, {"HOLDFAST_LISTN": "x", "HOLDFAST_PORT": "tcp://10.0.0.1:5000", "HOLDFAST_SERVICE_HOST": "x"})
    assert loaded.notes == ("environment HOLDFAST_LISTN is not a setting (did you mean HOLDFAST_LISTEN?)",)


def test_a_variable_of_a_verb_is_not_noted() -> None:
    assert load({}, {"HOLDFAST_TO_DATABASE": "postgresql://x/moved", "HOLDFAST_TO_STORAGE": "s3://x/y"}).notes == ()


def test_the_password_is_in_the_record_and_nowhere_else(tmp_path: Path) -> None:
    loaded = load({}, {"HOLDFAST_ADMIN_PASSWORD": "hunter2 hunter2"})
    assert loaded.settings.admin_password is not None
    assert loaded.settings.admin_password.reveal() == "hunter2 hunter2"
    assert "hunter2" not in repr(loaded)
    assert value(loaded, "admin_password") == "(hidden)"
    file = tmp_path / "password"
    file.write_text("hunter2 hunter2\r\n")
    loaded = load({"admin_password_file": str(file)}, {})
    assert loaded.settings.admin_password == Secret("hunter2 hunter2")
    assert "hunter2" not in repr(loaded)
    assert origin(loaded, "admin_password") == f"file {file}"


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:5000", True),
        ("127.8.8.8:1", True),
        ("localhost:5000", True),
        ("[::1]:5000", True),
        ("0.0.0.0:5000", False),
        ("[::]:5000", False),
        ("192.0.2.1:5000", False),
        ("[::ffff:192.0.2.1]:5000", False),
    ],
)
def test_loopback_is_decided_by_the_address(text: str, loopback: bool) -> None:
    flags = {"listen": text, "allow_http": True, "public_url": "http://r.example.com"}
    assert load(flags, {}).settings.listen.loopback is loopback


def test_listen_is_written_as_it_is_read() -> None:
    assert str(load({"listen": "[0:0::1]:80"}, {}).settings.listen) == "[::1]:80"
    assert str(Settings().listen) == "127.0.0.1:5000"
