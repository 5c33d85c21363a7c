"""Credentials for registries: those of `holdfast login` for one's own, those of `docker login` for others.

Promises: a secret is read when it is needed, is kept nowhere, and is given to the host alone that it is kept for. A
credential helper is a program called docker-credential-NAME on the path, run without a shell.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.cli.contexts import Context
from holdfast.cli.exchange.reference import DOCKER_HUB

_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", DOCKER_HUB)
_HELPER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_IDENTITY = "<token>"
_LARGEST = 4 << 20
_SECONDS = 30


class Secret(NamedTuple):
    """How to log in: a user and a password or key; or a refresh token (`user` ''); or an access token."""

    user: str = ""
    password: str = ""
    refresh: str = ""
    access: str = ""


NOBODY = Secret()


def of_context(context: Context) -> Secret:
    """What `holdfast login` has kept."""
    if context.token:
        return Secret(access=context.token)
    if context.refresh:
        return Secret(refresh=context.refresh)
    return Secret(context.user or _IDENTITY, context.key) if context.key else NOBODY


def of_docker(host: str) -> Secret:
    """What `docker login` has kept for `host`, in its file or by its helper; nobody where there is nothing."""
    found = _config()
    keys = _HUB_KEYS if host == DOCKER_HUB else (host, f"https://{host}", f"https://{host}/v1/", f"https://{host}/v2/")
    helpers = found.get("credHelpers")
    for key in keys:
        helper = helpers.get(key) if isinstance(helpers, dict) else None
        if (secret := _helped(helper, key)) is not None:
            return secret
    auths = found.get("auths")
    for key in keys:
        entry = auths.get(key) if isinstance(auths, dict) else None
        if isinstance(entry, dict) and (secret := _written(entry)) is not None:
            return secret
    for key in keys:
        if (secret := _helped(found.get("credsStore"), key)) is not None:
            return secret
    return NOBODY


def _config() -> dict[str, Any]:
    place = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    try:
        with place.open("rb") as file:
            found = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _written(entry: dict[str, Any]) -> Secret | None:
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Secret(refresh=token)
    try:
        user, _, password = b64decode(str(entry.get("auth") or ""), validate=True).decode().partition(":")
    except ValueError:
        return None
    password = password.rstrip("\0")
    return Secret(user, password) if user and password else None


def _helped(helper: object, key: str) -> Secret | None:
    if not isinstance(helper, str) or not _HELPER.fullmatch(helper):
        return None
    try:
        done = subprocess.run(
            [f"docker-credential-{helper}", "get"],
            input=key.encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
        found = json.loads(done.stdout)
        user, password = str(found["Username"]), str(found["Secret"])
    except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError):
        return None
    return Secret(refresh=password) if user == _IDENTITY else Secret(user, password)
