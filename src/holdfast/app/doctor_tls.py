"""Do the TLS files belong together, are they in date, and do they name the host that clients use."""

import ipaddress
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from holdfast.app.doctor_check import Check, failed, ok, warning

_SOON = timedelta(days=30)
_RENEW = "renew it (`holdfast tls init HOST...` does, with the same authority)"


def check_tls(certificate: Path, key: Path, public_url: str | None, now: datetime) -> list[Check]:
    """One check for the pair, one for its dates and one for its hosts. Never raises."""
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    except (OSError, ValueError):
        return [failed("tls certificate", f"{certificate} is no PEM certificate", "point --tls-cert at one")]
    return [_pair(chain[0], certificate, key), _dates(chain[0], now), _hosts(chain[0], public_url)]


def _pair(leaf: x509.Certificate, certificate: Path, key: Path) -> Check:
    name = "tls key"
    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
    except TypeError:
        return failed(name, f"{key} is encrypted", "decrypt it: openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW")
    except (OSError, ValueError):
        return failed(name, f"{key} is no PEM private key", "point --tls-key at one")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        return failed(name, f"{key} does not belong to {certificate}", "use the key that the certificate was made for")
    if key.stat().st_mode & 0o077:
        return warning(name, f"{key} belongs to the certificate, but others may read it", f"chmod 600 {key}")
    return ok(name, f"{key} belongs to {certificate}")


def _dates(leaf: x509.Certificate, now: datetime) -> Check:
    name = "tls dates"
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now < begins:
        return failed(name, f"valid only from {begins:%Y-%m-%d %H:%M} UTC", "set the clock, or wait")
    if now > ends:
        return failed(name, f"expired on {ends:%Y-%m-%d}", _RENEW)
    if ends - now < _SOON:
        return warning(name, f"expires on {ends:%Y-%m-%d}, in {(ends - now).days} days", _RENEW)
    return ok(name, f"valid until {ends:%Y-%m-%d}")


def _hosts(leaf: x509.Certificate, public_url: str | None) -> Check:
    name = "tls hosts"
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return failed(name, "the certificate names no host (subjectAltName)", "make one that does: `holdfast tls init`")
    dns = names.get_values_for_type(x509.DNSName)
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    listed = ", ".join([*dns, *addresses][:10])
    if public_url is None:
        return ok(name, listed)
    host = urlsplit(public_url).hostname or ""
    if not _covers(host, dns, addresses):
        return failed(name, f"{host} of public_url is not among {listed}", f"`holdfast tls init {host}` makes one")
    return ok(name, listed)


def _covers(host: str, dns: list[str], addresses: list[str]) -> bool:
    try:
        return str(ipaddress.ip_address(host)) in addresses
    except ValueError:
        wildcard = "*." + host.partition(".")[2]
        return any(each.lower() in (host, wildcard) for each in dns)
