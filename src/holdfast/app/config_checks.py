"""What settings must hold together (design 6): nobody opens a registry, or its passwords, to a network unawares.

Each check is a function from the settings to the problems it sees; it names the settings involved, so that the
report can say where each of them came from. A check that involves a setting which did not parse is left out.
"""

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from holdfast.app.config_record import Settings
from holdfast.app.extras import traces_installed


@dataclass(frozen=True, slots=True)
class Clash:
    """Settings that do not go together: `names`, the one to change first."""

    names: tuple[str, ...]
    reason: str
    allowed: str


Check = Callable[[Settings], Iterator[Clash]]
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _tls_pair(settings: Settings) -> Iterator[Clash]:
    if settings.tls_cert is not None and settings.tls_key is None:
        yield Clash(("tls_key", "tls_cert"), "is not set, but tls_cert is", "both --tls-cert and --tls-key, or neither")
    if settings.tls_key is not None and settings.tls_cert is None:
        yield Clash(("tls_cert", "tls_key"), "is not set, but tls_key is", "both --tls-cert and --tls-key, or neither")


def _open_stays_home(settings: Settings) -> Iterator[Clash]:
    if settings.open and not settings.listen.loopback and not settings.open_to_network:
        yield Clash(
            ("open", "listen"),
            f"would let everyone who reaches {settings.listen} push, pull and delete",
            "a loopback address such as 127.0.0.1:5000, no --open, or --open-to-network if that is really meant",
        )


def _encrypted_beyond_loopback(settings: Settings) -> Iterator[Clash]:
    behind_proxy = bool(settings.trusted_proxies) and (settings.public_url or "").startswith("https:")
    encrypted = settings.tls_cert is not None or settings.tls_key is not None or behind_proxy
    if not settings.listen.loopback and not encrypted and not settings.allow_http:
        yield Clash(
            ("listen", "public_url", "trusted_proxies"),
            "is not a loopback address, and passwords and content would cross the network unencrypted",
            "--tls-cert and --tls-key (`holdfast tls init HOST` makes them), or an https --public-url together with "
            "--trusted-proxies, or --allow-http",
        )


def _public_beyond_loopback(settings: Settings) -> Iterator[Clash]:
    if settings.public_url is None and not settings.listen.loopback:
        yield Clash(
            ("public_url", "listen"),
            f"is not set, but {settings.listen} is not a loopback address",
            "the address that clients use, such as --public-url https://registry.example.com",
        )


def _public_scheme(settings: Settings) -> Iterator[Clash]:
    if settings.tls_cert is not None and (settings.public_url or "").startswith("http:"):
        yield Clash(
            ("public_url", "tls_cert"),
            "begins with http://, but the server speaks TLS",
            "https:// and the same host, or no --tls-cert",
        )


def _one_admin_password(settings: Settings) -> Iterator[Clash]:
    if settings.admin_password is not None and settings.admin_password_file is not None:
        yield Clash(
            ("admin_password", "admin_password_file"),
            "is set in the environment, and a file with it as well",
            "HOLDFAST_ADMIN_PASSWORD or --admin-password-file, not both",
        )


def _one_master_key(settings: Settings) -> Iterator[Clash]:
    encryption = settings.encryption
    given = [
        name
        for name, value in (
            ("encryption.key_file", encryption.key_file),
            ("encryption.key", encryption.key),
            ("encryption.vault_url", encryption.vault_url),
        )
        if value is not None
    ]
    if len(given) > 1:
        yield Clash(tuple(given), "is set, and another source of the master key as well", "one of them")


def _one_vault_token(settings: Settings) -> Iterator[Clash]:
    encryption = settings.encryption
    tokens = (encryption.vault_token is not None) + (encryption.vault_token_file is not None)
    if tokens == 2 or (encryption.vault_url is not None and not tokens):
        yield Clash(
            ("encryption.vault_token_file", "encryption.vault_token", "encryption.vault_url"),
            "is set, and the token in the environment as well" if tokens else "is not set, but a Vault is",
            "HOLDFAST_ENCRYPTION_VAULT_TOKEN or --encryption-vault-token-file",
        )


def _vault_in_clear(settings: Settings) -> Iterator[Clash]:
    url = urlsplit(settings.encryption.vault_url or "")
    if url.scheme == "http" and url.hostname not in _LOOPBACK and not settings.allow_http:
        yield Clash(
            ("encryption.vault_url",),
            "would send the token and the keys across the network in clear",
            "https://, or --allow-http if that is really meant",
        )


def _accel_needs_files_and_proxy(settings: Settings) -> Iterator[Clash]:
    if settings.storage.accel is None:
        return
    if settings.storage.url is not None:
        yield Clash(("storage.accel", "storage.url"), "is set, but there are no files: a bucket is", "one of them")
    if not settings.trusted_proxies:
        yield Clash(
            ("storage.accel", "trusted_proxies"), "is set, but no proxy is trusted", "trusted_proxies with its address"
        )


def _metrics_stay_inside(settings: Settings) -> Iterator[Clash]:
    for name, at in (
        ("metrics.listen", settings.metrics.listen),
        ("metrics.worker_listen", settings.metrics.worker_listen),
    ):
        if at is None:
            continue
        address = ipaddress.ip_address(at.host)
        if (address.is_unspecified or not address.is_private) and not settings.allow_http:
            yield Clash(
                (name,),
                f"would tell everyone who reaches {at} how this registry is used, without a credential",
                "a loopback or private address such as 127.0.0.1:9090, or metrics.token_file and the main listener, or "
                "--allow-http if that is really meant",
            )
    if settings.metrics.listen is not None and settings.metrics.listen == settings.listen:
        yield Clash(("metrics.listen", "listen"), "is where the registry itself listens", "another port")


def _one_metrics_token(settings: Settings) -> Iterator[Clash]:
    if settings.metrics.token is not None and settings.metrics.token_file is not None:
        yield Clash(
            ("metrics.token", "metrics.token_file"),
            "is set in the environment, and a file with it as well",
            "HOLDFAST_METRICS_TOKEN or --metrics-token-file, not both",
        )


def _traces_installed(settings: Settings) -> Iterator[Clash]:
    if settings.traces.endpoint is not None and not traces_installed():
        yield Clash(
            ("traces.endpoint",),
            "is set, but what traces are sent with is not installed",
            "pip install 'holdfast[traces]', or no --traces-endpoint",
        )


_TAKEN = frozenset(
    {"accept", "authorization", "connection", "content-length", "content-type", "cookie", "expect", "forwarded", "host"}
    | {"origin", "range", "referer", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via"}
    | {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"}
)


def _identity_from_proxies(settings: Settings) -> Iterator[Clash]:
    header = settings.login.identity_header
    if header is None:
        return
    if header.lower() in _TAKEN:
        yield Clash(
            ("login.identity_header",), "has a meaning of its own", "a header of your own, such as X-Client-Name"
        )
    if not settings.trusted_proxies:
        yield Clash(
            ("login.identity_header", "trusted_proxies"),
            "is set, but no proxy is trusted",
            "trusted_proxies with the addresses of the proxies that check certificates",
        )


# Each with the settings it needs: when one of those did not parse, the check has nothing sound to say.
CHECKS: tuple[tuple[Check, frozenset[str]], ...] = (
    (_tls_pair, frozenset({"tls_cert", "tls_key"})),
    (_open_stays_home, frozenset({"open", "listen", "open_to_network"})),
    (
        _encrypted_beyond_loopback,
        frozenset({"listen", "tls_cert", "tls_key", "public_url", "trusted_proxies", "allow_http"}),
    ),
    (_public_beyond_loopback, frozenset({"listen", "public_url"})),
    (_public_scheme, frozenset({"public_url", "tls_cert"})),
    (_one_admin_password, frozenset({"admin_password", "admin_password_file"})),
    (_one_master_key, frozenset({"encryption.key_file", "encryption.key", "encryption.vault_url"})),
    (_accel_needs_files_and_proxy, frozenset({"storage.accel", "storage.url", "trusted_proxies"})),
    (
        _one_vault_token,
        frozenset({"encryption.vault_token", "encryption.vault_token_file", "encryption.vault_url"}),
    ),
    (_identity_from_proxies, frozenset({"login.identity_header", "trusted_proxies"})),
    (_vault_in_clear, frozenset({"encryption.vault_url", "allow_http"})),
    (_metrics_stay_inside, frozenset({"metrics.listen", "metrics.worker_listen", "allow_http", "listen"})),
    (_one_metrics_token, frozenset({"metrics.token", "metrics.token_file"})),
    (_traces_installed, frozenset({"traces.endpoint"})),
)


def clashes(settings: Settings, broken: frozenset[str]) -> list[Clash]:
    """Every clash in `settings`; `broken` names the settings whose value is not what the user meant."""
    return [clash for check, needs in CHECKS if not needs & broken for clash in check(settings)]
