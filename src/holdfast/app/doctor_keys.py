"""Is the master key there, is it a key, who else can read it, and does Vault answer?"""

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path

from holdfast.access.errors import MasterKeyAway, WrongMasterKey
from holdfast.access.master import MasterKeyFile
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory, DataDirectoryError
from holdfast.app.doctor_check import Check, failed, ok, warning
from holdfast.app.masters import keeps_own_key, open_master, seals

_NAME = "master key"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def check_keys(settings: Settings) -> Iterator[Check]:
    """Look at the source of the master key, and say whether content is encrypted. Makes no key."""
    encryption = settings.encryption
    directory = DataDirectory(settings.data)
    if keeps_own_key(settings):
        yield _file(directory.master_key) if directory.exists() else ok(_NAME, "made at the first start")
    elif encryption.key_file is not None:
        yield _file(encryption.key_file)
    else:
        yield _asked(settings, directory)
    if encryption.vault_token_file is not None and _is_open(encryption.vault_token_file):
        yield _readable("vault token", encryption.vault_token_file)
    yield ok("encryption", f"content is {'encrypted' if seals(settings) else 'stored in clear'}")


def _file(path: Path) -> Check:
    try:
        MasterKeyFile(path)
    except WrongMasterKey as error:
        return failed(_NAME, str(error), "put the file back from your backup: nothing can be read without it")
    if _is_open(path):
        return _readable(_NAME, path)
    return ok(_NAME, f"in {path}: keep a copy of it with your backups, in another place than them")


def _asked(settings: Settings, directory: DataDirectory) -> Check:
    """A key that is no file: open it, and where another program keeps it, have it used."""
    key = bytes(32)

    async def used() -> bool:
        master = open_master(settings, directory)
        return await master.unwrap("doctor", await master.wrap("doctor", key)) == key

    try:
        sound = asyncio.run(used())
    except (MasterKeyAway, WrongMasterKey, DataDirectoryError) as error:
        return failed(_NAME, str(error), "set it right: a server does not start without it")
    source = "from the environment" if settings.encryption.vault_url is None else f"in {settings.encryption.vault_url}"
    return ok(_NAME, source) if sound else failed(_NAME, f"{source} it gives back another key", "name another one")


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & _OTHERS)
    except OSError:
        return False


def _readable(name: str, path: Path) -> Check:
    return warning(name, f"{path} can be read by other users of this machine", f"chmod 600 {path}")
