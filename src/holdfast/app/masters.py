"""Where the master key comes from, as the settings say it: a file, the environment, Vault, or the data directory.

Promises: one source is used, and the same one by every process of the installation; nothing but an embedded database
gets a key made for it; what is missing or wrong ends the start with a sentence that says what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from holdfast.access.errors import MasterKeyAway
from holdfast.access.master import MasterKey, MasterKeyFile, MasterKeys, parse_master_keys
from holdfast.app.config import Settings
from holdfast.app.config_kinds import Secret
from holdfast.app.datadir import DataDirectory, DataDirectoryError


def open_master(settings: Settings, directory: DataDirectory) -> MasterKey:
    """The master key of this installation; DATA/master.key is made where the database is embedded and new.

    Raises `WrongMasterKey`, `DataDirectoryError`. Vault is not asked yet: it answers when the first key is opened.
    """
    encryption = settings.encryption
    if encryption.vault_url is not None:
        from holdfast.access.master_vault import VaultMasterKey  # its HTTP client takes long to load

        token = _token(encryption.vault_token, encryption.vault_token_file)
        return VaultMasterKey(encryption.vault_url, encryption.vault_key, token)
    if encryption.key_file is not None:
        return MasterKeyFile(encryption.key_file)
    if encryption.key is not None:
        lines = encryption.key.reveal().replace(",", "\n")
        return MasterKeys(parse_master_keys(lines, "HOLDFAST_ENCRYPTION_KEY"))
    if settings.database.url is not None:
        raise DataDirectoryError(
            "a PostgreSQL database needs a master key that all nodes share: make one with "
            "`openssl rand -base64 32 > holdfast.key`, keep a copy of it, and give the file to every node with "
            "--encryption-key-file (or HOLDFAST_ENCRYPTION_KEY, or a Vault)"
        )
    directory.read_master_keys()
    return MasterKeyFile(directory.master_key)


def keeps_own_key(settings: Settings) -> bool:
    """Whether the master key is DATA/master.key, which the first start makes."""
    encryption = settings.encryption
    given = (encryption.key_file, encryption.key, encryption.vault_url, settings.database.url)
    return all(each is None for each in given)


def seals(settings: Settings) -> bool:
    """Whether content is encrypted when it is stored: as the setting says, else when a key was given."""
    encryption = settings.encryption
    given = (encryption.key_file, encryption.key, encryption.vault_url)
    return encryption.content == "on" or (encryption.content == "auto" and any(each is not None for each in given))


def _token(given: Secret | None, file: Path | None) -> Callable[[], str]:
    """What gives Vault's token at each call: an agent renews it in its file."""

    def read() -> str:
        if given is not None:
            return given.reveal()
        if file is None:
            raise MasterKeyAway("no token for Vault is given")
        try:
            return file.read_text().strip()
        except OSError as error:
            raise MasterKeyAway(f"the token file {file} cannot be read: {error.strerror}") from error

    return read
