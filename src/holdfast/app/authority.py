"""Whether the certificate of the listener is of an authority that clients do not trust by themselves."""

from __future__ import annotations

import ssl
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature


def is_private(certificate: Path) -> bool:
    """Whether the chain in `certificate` leads to none of the roots that this machine trusts. What cannot be known is
    not private: a file that cannot be read, and a machine that trusts nobody."""
    roots = ssl.create_default_context().get_ca_certs(binary_form=True)
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    except (OSError, ValueError):
        return False
    return bool(roots) and not any(_issued(each, root) for each in chain for root in roots)


def _issued(certificate: x509.Certificate, root: bytes) -> bool:
    # Hundreds of roots are not read for the one that has the name.
    if certificate.issuer.public_bytes() not in root:
        return False
    try:
        certificate.verify_directly_issued_by(x509.load_der_x509_certificate(root))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
