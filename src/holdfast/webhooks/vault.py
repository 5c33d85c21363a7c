"""What of a webhook is secret, sealed for its row: its URL, the values of its headers, the secrets that sign.

Promises: nothing of it stands in clear in the database; what is sealed opens in its own row only.
AES-256-GCM with a random 96-bit nonce, the id of the webhook as associated data, under a key of the installation.
"""

from __future__ import annotations

import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.access.errors import WrongMasterKey
from holdfast.access.keyring import load_key
from holdfast.access.master import MasterKey
from holdfast.db.port import Database
from holdfast.webhooks.model import Secrets

KEY = "webhooks"
_NONCE_BYTES = 12


class Vault:
    """Seals and opens. Made by `open_vault`."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, webhook: int, secrets: Secrets) -> bytes:
        """The secrets of `webhook` as its row keeps them."""
        nonce = os.urandom(_NONCE_BYTES)
        text = json.dumps([secrets.url, dict(secrets.headers), list(secrets.live)])
        return nonce + self._cipher.encrypt(nonce, text.encode(), _bound_to(webhook))

    def open(self, webhook: int, sealed: bytes) -> Secrets:
        """The secrets of `webhook`. Raises `WrongMasterKey` when they were sealed elsewhere, or are damaged."""
        try:
            text = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(webhook))
        except InvalidTag as error:
            raise WrongMasterKey(f"the secrets of webhook {webhook} do not open") from error
        url, headers, live = json.loads(text)
        return Secrets(url, headers, tuple(live))


async def open_vault(db: Database, master: MasterKey) -> Vault:
    """The vault of an installation. Raises `WrongMasterKey`, `MasterKeyAway`, `DatabaseError`."""
    return Vault(await load_key(db, master, KEY))


def _bound_to(webhook: int) -> bytes:
    return b"webhook:%d" % webhook
