"""A private certificate authority and the server certificate it signs, for networks without a public one.

ECDSA P-256 throughout; private keys are PKCS#8, not encrypted, readable by their owner alone. An authority that is
already there signs again and is never replaced unless told: every client that trusts it would be cut off. Files
appear whole or not at all, and keys are never readable by others, not even for an instant.
"""

import ipaddress
import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
# The longest life that every system's own verifier accepts (Apple's sets the bound).
SERVER_DAYS = 825

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*", re.ASCII)


class TlsError(Exception):
    """A request that cannot be met, or files that are not what they should be; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class Issued:
    """The four files and what happened: `authority_made` is False when the authority was there before."""

    authority: Path
    authority_key: Path
    certificate: Path
    key: Path
    authority_made: bool
    expires: datetime
    fingerprint: str


def parse_hosts(words: tuple[str, ...]) -> tuple[str, ...]:
    """Check names and addresses for a certificate; lower case, repeats dropped, order kept. Raises TlsError."""
    hosts = dict.fromkeys(_host(word) for word in words)
    if not hosts:
        raise TlsError("no host given")
    return tuple(hosts)


def issue(hosts: tuple[str, ...], directory: Path, now: datetime, *, replace_authority: bool = False) -> Issued:
    """Make what is missing in `directory` and a fresh server certificate for `hosts` (of `parse_hosts`).

    Raises TlsError when the authority there is damaged, expired, or half missing; OSError when the disk refuses.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority_path, authority_key_path = directory / "ca.crt", directory / "ca.key"
    there = authority_path.exists() or authority_key_path.exists()
    made = replace_authority or not there
    if made:
        authority, signer = _new_authority(now)
        _write(authority_key_path, _private(signer), 0o600)
        _write(authority_path, authority.public_bytes(Encoding.PEM), 0o644)
    else:
        authority, signer = _read_authority(authority_path, authority_key_path, now)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _server_certificate(hosts, key, authority, signer, now)
    paths = directory / "server.crt", directory / "server.key"
    _write(paths[1], _private(key), 0o600)
    _write(paths[0], certificate.public_bytes(Encoding.PEM), 0o644)
    fingerprint = authority.fingerprint(hashes.SHA256()).hex(":").upper()
    return Issued(authority_path, authority_key_path, *paths, made, certificate.not_valid_after_utc, fingerprint)


def _host(word: str) -> str:
    text = word.strip().lower().rstrip(".")
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        name = bare.encode("idna").decode() if not bare.isascii() else bare
    except UnicodeError:
        name = ""
    if len(name) > 253 or not _DNS_NAME.fullmatch(name) or re.fullmatch(r"[0-9.]+", name):
        raise TlsError(f"{word[:128]!r} is neither a host name nor an IP address (no scheme, no port, no path)")
    return name


def _new_authority(now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    # The serial in the name keeps two authorities apart in a trust store that lists names.
    serial = x509.random_serial_number()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Holdfast private CA {serial:x}"[:32])])
    usage = _usage(key_cert_sign=True, crl_sign=True)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(hours=1))  # a client's clock may be a little behind
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _server_certificate(
    hosts: tuple[str, ...],
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    ends = min(now + timedelta(days=SERVER_DAYS), authority.not_valid_after_utc)
    # A common name holds 64 characters at most; nobody reads it any more where subjectAltName is present.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _read_authority(path: Path, key_path: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    for each in (path, key_path):
        if not each.exists():
            raise TlsError(f"{each} is missing: restore it, or make a new authority with --new-ca")
    try:
        authority = x509.load_pem_x509_certificate(path.read_bytes())
        key = load_pem_private_key(key_path.read_bytes(), password=None)
    except (ValueError, TypeError):
        raise TlsError(f"{path} or {key_path} cannot be read as PEM: restore them, or use --new-ca") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != authority.public_key():
        raise TlsError(f"{key_path} does not belong to {path}: restore them, or use --new-ca")
    if authority.not_valid_after_utc - now < timedelta(days=30):
        raise TlsError(f"{path} ends on {authority.not_valid_after_utc:%Y-%m-%d}: make a new authority with --new-ca")
    return authority, key


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, data: bytes, mode: int) -> None:
    """Put a whole file in place, with its mode from the first instant."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
