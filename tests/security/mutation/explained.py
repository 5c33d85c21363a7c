"""Checks that may be taken out without any test noticing, by `Check.name`, and why: what refuses in their place."""

from __future__ import annotations

from collections.abc import Mapping

_NO_WAY = "a way in that is not set up: without the check None is asked, which fails too"
_FORM = "nothing of this form was ever given out or kept: what looks it up refuses it, and this spares the look"
_AGAIN = "asked outside of the unit as well, and begin_change refuses a caller that changed since"
EXPLAINED: Mapping[str, str] = {
    "access/accounts/users.py Users.change_own_password: if found.account_id != caller.subject.id": (
        "an account that is there keeps its name, and the unit refuses a caller whose account is gone"
    ),
    "access/keys/keychain.py Keychain._making: require_manage(unit, caller, of.namespace or '', origin)": (
        "_seen asked the same before, and answered as if there was no such robot"
    ),
    "access/service.py Access._login: if not name or len(secret) > _PASSWORD_LIMIT": _FORM,
    "access/service.py Access._recognised: if login.way is None": _NO_WAY,
    "access/service.py Access._verified: if self._ways.tokens is None": _NO_WAY,
    "access/service.py Access.by_machine_token: if self._ways.machines is None": _NO_WAY,
    "access/service.py Access.by_refresh_token: if self._ways.refresh is None": _NO_WAY,
    "access/service.py Access.issue: if self._ways.tokens is None": _NO_WAY,
    "access/service.py _basic: if len(authorization) > _HEADER_LIMIT": _FORM,
    r"access/service.py _basic: if not colon or '\x00' in name or '\x00' in password": _FORM,
    "access/signin/providers.py Providers.add.add: self._require(unit, caller, origin)": _AGAIN,
    "access/signin/providers.py Providers.change.change: self._require(unit, caller, origin)": _AGAIN,
    "access/signin/providers.py Providers.change: self._require(self._db, caller, origin)": (
        "the API shows the provider first, which asks the same, and so does the unit"
    ),
    "access/signin/providers.py Providers.remove.remove: self._require(unit, caller, origin)": _AGAIN,
    "access/tokens/refresh.py RefreshTokens.recognise: if not is_secret(secret)": _FORM,
    "access/tokens/service.py Tokens.verify: if len(token) > _LIMIT or token.count(b'.') != 2": _FORM,
    "access/tokens/sessions.py Sessions._account: if not caller.subject.id": (
        "the API refuses who has no credential, and nobody has sessions of the account 0"
    ),
    "management/sessions.py SessionHandlers.end_current_session: if not current": "there is no session 0",
    "registry/upload/service.py Upload.append: check_permit(self._db, permit)": (
        "the unit that keeps the chunk proves it again: here it spares the bytes"
    ),
}
