"""Nothing secret leaves: every text of a bundle goes through here, whatever it was made from.

Secrets that this process knows (settings, key files, environment) are searched for literally, also as they look inside
a URL, in JSON and in base64; what has the form of a credential is hidden although it is not known.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from holdfast.app.config import Secret, Settings, options

HIDDEN = "(hidden)"
_SECRET_NAME = re.compile(
    r"secret|password|passwd|token|credential|(?:_|\b)key(?:_|\b)|sas|connection_string|_pass\b", re.I
)
_NO_SECRET_NAME = re.compile(r"_FILE$|_URL$|_ENDPOINT|_REGION$|_PATH$|^AWS_ACCESS_KEY_ID$|VAULT_KEY$", re.I)
_SHORTEST = 4
_LARGEST_FILE = 64 << 10
_FORMS = (
    # user:password@ in any URL; Authorization headers; parameters of signed URLs; keys and certificates' keys.
    (re.compile(r"(?<=://)([^\s/:@\"']+):[^\s/@\"']+(?=@)"), rf"\1:{HIDDEN}"),
    (re.compile(r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=._~-]{8,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(r"((?:X-Amz-(?:Signature|Credential|Security-Token)|sig|Signature|GoogleAccessId)=)[^&\s\"']+"),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(r"((?:password|passwd|secret|token)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&}[{][^\s\"',;&}]{3,}", re.I),
        rf"\1{HIDDEN}",
    ),
    # Keys and refresh tokens of a registry like this one; JSON web tokens.
    (re.compile(r"\bhfr?_[0-9A-Za-z]{36,46}\b"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"), HIDDEN),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), HIDDEN),
)


class Scrubber:
    """Hides secrets in texts; made once a bundle."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        known = {secret for secret in _known(settings, environment) if len(secret) >= _SHORTEST}
        forms = {form for secret in known for form in _looks(secret)}
        # The longest first: a secret may stand inside another.
        self._known = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        for form, instead in _FORMS:
            text = form.sub(instead, text)
        return text


def _known(settings: Settings, environment: Mapping[str, str]) -> Iterator[str]:
    for option in options():
        value: object = settings
        for part in option.name.split("."):
            value = getattr(value, part)
        if isinstance(value, Secret):
            yield from _of_value(value.reveal())
    for name, text in environment.items():
        if _SECRET_NAME.search(name) and not _NO_SECRET_NAME.search(name):
            yield from _of_value(text)
        elif "://" in text:
            yield from _of_url(text)
    files = (
        settings.data / "master.key",
        settings.admin_password_file,
        settings.encryption.key_file,
        settings.encryption.vault_token_file,
        *(Path(environment[name]) for name in ("PGPASSFILE",) if name in environment),
    )
    for path in files:
        if path is not None:
            yield from _of_file(path)


def _of_value(text: str) -> Iterator[str]:
    """A secret value: of a URL the password and secret parameters (its host is none), else the whole and its lines."""
    if "://" in text:
        yield from _of_url(text)
        return
    yield text.strip()
    yield from (line.strip() for line in text.splitlines())


def _of_url(text: str) -> Iterator[str]:
    try:
        parts = urlsplit(text)
        password = parts.password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)
    yield from (value for name, value in parse_qsl(parts.query) if _SECRET_NAME.search(name))


def _of_file(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_FILE).decode("utf-8", "replace")
    except OSError:
        return
    for line in text.splitlines():
        yield line.strip()
        yield line.strip().rpartition(":")[2]  # of a password file: its last field


def _looks(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    for shift in range(3):
        # Inside base64 of something longer the secret has one of three faces; its ends are mixed with its neighbours.
        face = b64encode(b"\0" * shift + secret.encode()).decode().rstrip("=")
        whole = face[(0, 2, 3)[shift] : len(face) - 1]
        if len(whole) >= 2 * _SHORTEST:
            yield whole
