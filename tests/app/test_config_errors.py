"""Every way in which settings can be wrong: the setting, the place it came from, the reason, and what is allowed."""

from pathlib import Path

import pytest

from holdfast.app.config import ConfigError, Problem, load


def problems(
    flags: dict[str, object] | None = None, environment: dict[str, str] | None = None, config: str | None = None
) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(flags or {}, environment or {}, config)
    return caught.value.problems


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("workers", "0", "'0' is less than 1"),
        ("workers", "65", "'65' is more than 64"),
        ("workers", "two", "'two' is not a whole number"),
        ("workers", "-1", "'-1' is not a whole number"),
        ("open", "maybe", "'maybe' is neither true nor false"),
        ("listen", "5000", "'5000' has no port"),
        ("listen", ":5000", "':5000' has no address (for every interface write 0.0.0.0:5000 or [::]:5000)"),
        ("listen", "127.0.0.1:65536", "'127.0.0.1:65536' is not a port from 1 to 65535"),
        ("listen", "127.0.0.1:0", "'127.0.0.1:0' is not a port from 1 to 65535"),
        ("listen", "registry.example.com:5000", "'registry.example.com:5000' is not an IP address"),
        ("listen", "::1:5000", "'::1:5000' is not ADDRESS:PORT (an IPv6 address stands in brackets, others do not)"),
        ("public_url", "registry.example.com", "'registry.example.com' does not begin with http:// or https://"),
        ("public_url", "ftp://x", "'ftp://x' does not begin with http:// or https://"),
        ("public_url", "https://", "'https://' has no usable host name"),
        ("public_url", "https://x:port", "'https://x:port' is not a URL"),
        (
            "public_url",
            "https://x/registry",
            "'https://x/registry' has a path or a query: a registry always stands at /v2/ of its host",
        ),
        ("public_url", "https://user:pw@x", "'https://user:pw@x' holds a user name or password"),
        ("traces.endpoint", "collector:4318", "'collector:4318' does not begin with http:// or https://"),
        ("traces.endpoint", "https://user:pw@x", "'https://user:pw@x' holds a user name or password"),
        (
            "traces.endpoint",
            "https://x/v1?a=b",
            "'https://x/v1?a=b' has a query, or a path of other than letters, digits, '.', '_', '~', '-' and '/'",
        ),
        ("traces.endpoint", "https://x:port", "'https://x:port' is not a URL"),
        ("traces.endpoint", "https://", "'https://' has no usable host name"),
        ("traces.ratio", "half", "'half' is not a fraction"),
        ("traces.ratio", "1.1", "'1.1' is not between 0 and 1"),
        ("traces.ratio", "10%", "'10%' is not a fraction"),
        ("traces.ratio", "-1", "'-1' is not a fraction"),
        (
            "trusted_proxies",
            "10.0.0.1/8",
            "'10.0.0.1/8' holds '10.0.0.1/8', which has host bits set (did you mean 10.0.0.0/8 or 10.0.0.1?)",
        ),
        ("trusted_proxies", "0.0.0.0/0", "'0.0.0.0/0' holds '0.0.0.0/0', which would believe everybody"),
        ("trusted_proxies", "proxy", "'proxy' holds 'proxy', which is no address or network"),
        ("trusted_proxies", "10.0.0.1,,10.0.0.2", "'10.0.0.1,,10.0.0.2' is empty"),
        ("lease", "5", "'5' has no unit (did you mean 5s?)"),
        ("lease", "soon", "'soon' is not a duration"),
        ("uploads.idle", "0s", "'0s' is shorter than 1s"),
        ("uploads.idle", "2h", "'2h' is longer than 1h"),
        ("storage.reserve", "5MB", "'5MB' has a unit that is not known here"),
        ("storage.inline", "2MiB", "'2MiB' is more than 1MiB"),
        ("log.level", "loud", "'loud' is not one of the words allowed"),
        ("log.format", "   ", "'   ' is empty"),
        ("tls_cert", "/nowhere/cert.pem", "'/nowhere/cert.pem' does not exist"),
        ("tls_key", "/", "'/' is not a file"),
        ("data", "/dev/null", "'/dev/null' is not a directory"),
        ("data", "a\x00b", "'a\\x00b' has unprintable characters"),
    ],
)
def test_one_wrong_value(name: str, text: str, reason: str) -> None:
    (by_flag,) = problems({name: text})
    assert by_flag.subject == name
    assert by_flag.reason.startswith(reason)
    assert by_flag.origin == "flag --" + name.replace(".", "-").replace("_", "-")
    assert by_flag.allowed
    variable = "HOLDFAST_" + name.replace(".", "_").upper()
    (by_variable,) = problems(environment={variable: text})
    assert by_variable.origin == f"environment {variable}"
    assert by_variable.reason == by_flag.reason


@pytest.mark.parametrize(
    ("toml", "subject", "reason", "allowed"),
    [
        ("lisen = 'x'", "lisen", "is not a setting", "did you mean listen?"),
        ("[log]\nlvel = 'info'", "log.lvel", "is not a setting", "did you mean log.level?"),
        ("reserve = 5", "reserve", "is not a setting", "did you mean storage.reserve?"),
        ("[strage]\nreserve = 5", "strage", "is not a setting", "did you mean storage?"),
        ("zzz = 5", "zzz", "is not a setting", "`holdfast config` lists every setting"),
        ("log = 'info'", "log", "log is a table of settings", "[log]"),
        ("admin_password = 'x'", "admin_password", "is a secret", "HOLDFAST_ADMIN_PASSWORD"),
        ("lease = 3600", "lease", "3600 has no unit", "30d"),
        ("lease = true", "lease", "True is a boolean, not text", "30d"),
        ("workers = 1.5", "workers", "1.5 is a fraction, not text", "from 1 to 64"),
        ("workers = true", "workers", "True is a boolean, not text", "from 1 to 64"),
        ("listen = ['x']", "listen", "['x'] is an array, not text", "ADDRESS:PORT"),
        ("open = 1", "open", "1 is a number, not text", "true or false"),
        ("[data]\nx = 1", "data", "{'x': 1} is a table, not text", "a directory"),
        ("data = 2026-01-01", "data", "datetime.date(2026, 1, 1) is a date or time, not text", "a directory"),
        ("[storage]\nreserve = -1", "storage.reserve", "-1 is less than 0", "512MiB"),
        ("trusted_proxies = [1]", "trusted_proxies", "[1] is a number, not text", "10.0.0.0/8"),
    ],
)
def test_one_wrong_key(tmp_path: Path, toml: str, subject: str, reason: str, allowed: str) -> None:
    file = tmp_path / "holdfast.toml"
    file.write_text(toml)
    (problem,) = problems(config=str(file))
    assert problem.subject == subject
    assert problem.origin == f"file {file}, key {subject}"
    assert problem.reason.startswith(reason)
    assert allowed in problem.allowed


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"workers = ", "is not TOML"),
        (b"workers = 1\nworkers = 2", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (b"x = " + b"[" * 100_000, "is "),
        (b"#" * (2**20 + 1), "is not TOML: is larger than 1 MiB"),
    ],
)
def test_a_file_that_is_not_toml(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "holdfast.toml"
    file.write_bytes(content)
    (problem,) = problems(config=str(file))
    assert problem.subject == "config"
    assert problem.origin == f"file {file}"
    assert problem.reason.startswith(reason)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = str(tmp_path / "none.toml")
    assert problems(config=path)[0].origin == "flag --config"
    (problem,) = problems(environment={"HOLDFAST_CONFIG": path})
    assert (problem.origin, problem.reason) == (
        "environment HOLDFAST_CONFIG",
        f"{path} cannot be read: No such file or directory",
    )


NETWORK = "0.0.0.0:5000"
HTTPS, HTTP, PROXY = "https://r.example.com", "http://r.example.com", "10.0.0.1"


@pytest.mark.parametrize(
    ("flags", "wrong"),
    [
        ({"listen": "127.0.0.1:1"}, []),
        ({"listen": "127.0.0.1:1", "open": True}, []),
        ({"listen": "127.0.0.1:1", "public_url": HTTPS}, []),
        ({"listen": NETWORK}, ["listen", "public_url"]),
        ({"listen": NETWORK, "allow_http": True}, ["public_url"]),
        ({"listen": NETWORK, "allow_http": True, "public_url": HTTP}, []),
        ({"listen": NETWORK, "public_url": HTTPS}, ["listen"]),
        ({"listen": NETWORK, "public_url": HTTPS, "trusted_proxies": PROXY}, []),
        ({"listen": NETWORK, "public_url": HTTP, "trusted_proxies": PROXY}, ["listen"]),
        ({"listen": NETWORK, "tls": True}, ["public_url"]),
        ({"listen": NETWORK, "tls": True, "public_url": HTTPS}, []),
        ({"listen": NETWORK, "tls": True, "public_url": HTTP}, ["public_url"]),
        ({"listen": NETWORK, "tls": True, "public_url": HTTPS, "open": True}, ["open"]),
        ({"listen": NETWORK, "tls": True, "public_url": HTTPS, "open": True, "open_to_network": True}, []),
        ({"listen": NETWORK, "open": True}, ["listen", "open", "public_url"]),
    ],
)
def test_nobody_listens_to_a_network_unawares(tmp_path: Path, flags: dict[str, object], wrong: list[str]) -> None:
    flags = dict(flags)
    if flags.pop("tls", False):
        file = tmp_path / "pem"
        file.write_text("x")
        flags |= {"tls_cert": str(file), "tls_key": str(file)}
    if wrong:
        assert [each.subject for each in problems(flags)] == wrong
    else:
        load(flags, {})


@pytest.mark.parametrize(("one", "other"), [("tls_cert", "tls_key"), ("tls_key", "tls_cert")])
def test_certificate_and_key_go_together(tmp_path: Path, one: str, other: str) -> None:
    file = tmp_path / "pem"
    file.write_text("x")
    (problem,) = problems({one: str(file)})
    assert problem.subject == other
    assert problem.origin == f"{other} from default; {one} from flag --{one.replace('_', '-')}"


def test_a_clash_names_where_each_side_came_from() -> None:
    found = problems({"open": True}, {"HOLDFAST_LISTEN": NETWORK, "HOLDFAST_ALLOW_HTTP": "1"})
    assert [(each.subject, each.origin) for each in found] == [
        ("open", "open from flag --open; listen from environment HOLDFAST_LISTEN"),
        ("public_url", "public_url from default; listen from environment HOLDFAST_LISTEN"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not hold exactly one line"),
        (b"\n", "does not hold exactly one line"),
        (b"one\ntwo\n", "does not hold exactly one line"),
        (b"s3cret" * 1000, "does not hold exactly one line"),
        (b"s3cret" * 200, "has 1200 characters"),
        (b"s3cret", "has 6 characters"),
        (b"s3cret-s3cret\x07", "has unprintable characters"),
        (b"s3cret\xff", "is not UTF-8 text"),
    ],
)
def test_a_password_file_that_holds_no_password(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    (problem,) = problems({"admin_password_file": str(file)})
    assert problem.reason.startswith(f"{file} {reason}")
    assert problem.origin == "flag --admin-password-file"
    assert "s3cret" not in repr(problem)


def test_a_password_comes_from_one_place(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret-s3cret")
    found = problems({"admin_password_file": str(file)}, {"HOLDFAST_ADMIN_PASSWORD": "other-other-\x07"})
    assert [each.subject for each in found] == ["admin_password"]
    assert "other" not in repr(found)
    (clash,) = problems({"admin_password_file": str(file)}, {"HOLDFAST_ADMIN_PASSWORD": "other-other-"})
    assert clash.reason.startswith("is set in the environment")


def test_everything_is_told_at_once_from_every_source(tmp_path: Path) -> None:
    file = tmp_path / "holdfast.toml"
    file.write_text("lisen = 1\nlease = 5\n[log]\nlevel = 'loud'\n")
    with pytest.raises(ConfigError) as caught:
        load({"workers": "0", "lease": "1h"}, {"HOLDFAST_LISTEN": "x", "HOLDFAST_PAGES_MAX": "0"}, str(file))
    assert [each.subject for each in caught.value.problems] == [
        "lisen",
        "listen",
        "workers",
        "lease",
        "pages.max",
        "log.level",
    ]
    text = str(caught.value)
    assert text.startswith("6 settings are wrong\n")
    assert (
        "  workers: '0' is less than 1\n    from:    flag --workers\n    allowed: a whole number from 1 to 64" in text
    )
    assert f"    from:    file {file}, key lease\n" in text, "an overridden value is checked, too"


def test_hostile_values_stay_short_and_on_their_line() -> None:
    (problem,) = problems({"workers": "\x1b[2J\n" + "9" * 100_000})
    assert len(problem.reason) < 200
    assert problem.reason.isprintable()


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://vault.example.com", True),
        ("http://127.0.0.1:8200", True),
        ("http://localhost:8200", True),
        ("http://[::1]:8200", True),
        ("http://vault.example.com", False),
        ("http://127.0.0.1.example.com", False),
    ],
)
def test_a_token_for_vault_does_not_cross_a_network_in_clear(url: str, allowed: bool) -> None:
    environment = {"HOLDFAST_ENCRYPTION_VAULT_TOKEN": "hvs.0123456789"}
    given: dict[str, object] = {"encryption.vault_url": url}
    if allowed:
        load(given, environment, None)
    else:
        (problem,) = problems(given, environment)
        assert problem.subject == "encryption.vault_url"
        assert "in clear" in problem.reason
        load({**given, "allow_http": True}, environment, None)


@pytest.mark.parametrize("at", ["0.0.0.0:9090", "[::]:9090", "192.0.43.8:9090"])
@pytest.mark.parametrize("name", ["metrics.listen", "metrics.worker_listen"])
def test_metrics_without_a_credential_stay_inside(name: str, at: str) -> None:
    (problem,) = problems({name: at})
    assert (problem.subject, problem.origin) == (name, f"{name} from flag --{name.replace('.', '-').replace('_', '-')}")
    assert problem.reason == f"would tell everyone who reaches {at} how this registry is used, without a credential"
    assert load({name: at, "allow_http": "true"}, {}).settings.metrics != load({}, {}).settings.metrics


@pytest.mark.parametrize("at", ["127.0.0.1:9090", "10.0.0.7:9090", "[::1]:9090", "[fd00::7]:9090"])
def test_metrics_may_listen_on_a_private_address(at: str) -> None:
    assert str(load({"metrics.listen": at}, {}).settings.metrics.listen) == at


def test_metrics_do_not_listen_where_the_registry_does() -> None:
    (problem,) = problems({"metrics.listen": "127.0.0.1:5000"})
    assert problem.reason == "is where the registry itself listens"


def test_one_token_for_metrics(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("of the scraper\n")
    (problem,) = problems({"metrics.token_file": str(file)}, {"HOLDFAST_METRICS_TOKEN": "another one of it"})
    assert problem.subject == "metrics.token"
    assert problem.reason == "is set in the environment, and a file with it as well"
    loaded = load({"metrics.token_file": str(file)}, {})
    assert loaded.settings.metrics.token is not None
    assert loaded.settings.metrics.token.reveal() == "of the scraper"
    assert "of the scraper" not in repr(loaded)


@pytest.mark.parametrize("text", ["", "short\n", "one of two\nlines of it\n"])
def test_a_token_is_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    (problem,) = problems({"metrics.token_file": str(file)})
    assert problem.subject == "metrics.token_file"
    assert problem.allowed == "a file with the token on its only line"
