"""Where `holdfast login` keeps what the client verbs use: one file that only its owner reads.

`$XDG_CONFIG_HOME/holdfast/contexts.json` (else `~/.config/...`), 0600 in a directory 0700, replaced as a whole. It
holds a token (or, where the registry gives none, a key) per registry and user; never a password. In a pipeline nothing
is kept: `HOLDFAST_URL` with `HOLDFAST_KEY` or `HOLDFAST_TOKEN` say the same for one process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

_FILE = "contexts.json"
_LARGEST = 1 << 20


class ContextError(Exception):
    """There is no usable context; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Context:
    """A registry and how to log in to it. `refresh`: a refresh token; `key`: a key, with its `user`; `token`: an access
    token; none of them: nobody. `ca`: a file of certificates to trust; `insecure_http`: plain HTTP beyond loopback is
    meant."""

    url: str
    user: str = ""
    refresh: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca: str = ""
    insecure_http: bool = False


@dataclass(frozen=True, slots=True)
class Contexts:
    """All contexts by name. `current`: the one that is used when none is named, '' none."""

    current: str = ""
    named: Mapping[str, Context] = field(default_factory=dict)

    def with_(self, name: str, context: Context) -> Contexts:
        """With `context` under `name`, as the current one."""
        return Contexts(name, {**self.named, name: context})

    def without(self, name: str) -> Contexts:
        """Without `name`; another one is current then only if it is chosen."""
        kept = {other: context for other, context in self.named.items() if other != name}
        return Contexts("" if self.current == name else self.current, kept)

    def using(self, name: str) -> Contexts:
        """With `name` as the current one. Raises `ContextError`."""
        self.find(name)
        return replace(self, current=name)

    def find(self, name: str) -> Context:
        """The context called `name`. Raises `ContextError`."""
        if name not in self.named:
            known = ", ".join(sorted(self.named)) or "none"
            raise ContextError(f"there is no context {name[:128]!r} (known: {known}); `holdfast login` makes one")
        return self.named[name]


def chosen(name: str | None, environment: Mapping[str, str] = os.environ) -> Context:
    """The context that a verb works with: the one called `name`, else what the environment says, else the current one.

    Raises `ContextError`.
    """
    if name is None and environment.get("HOLDFAST_URL"):
        return _from_environment(environment)
    known = read_contexts()
    wanted = name or environment.get("HOLDFAST_CONTEXT") or known.current
    if not wanted:
        raise ContextError("log in first: holdfast login URL -u NAME --password-stdin, or set HOLDFAST_URL")
    return known.find(wanted)


def _from_environment(environment: Mapping[str, str]) -> Context:
    context = Context(
        check_url(environment["HOLDFAST_URL"]),
        environment.get("HOLDFAST_USER", ""),
        key=environment.get("HOLDFAST_KEY", ""),
        token=environment.get("HOLDFAST_TOKEN", ""),
        ca=environment.get("HOLDFAST_CA_FILE", ""),
        insecure_http=environment.get("HOLDFAST_INSECURE_HTTP", "") in ("1", "true"),
    )
    if context.key and context.token:
        raise ContextError("HOLDFAST_KEY and HOLDFAST_TOKEN exclude each other")
    return context


def check_url(url: str) -> str:
    """`url` as scheme and address alone. Raises `ContextError`."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        port = parts.port
    except ValueError as error:
        raise ContextError(f"{url[:128]!r} is no URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ContextError(f"{url[:128]!r} is no URL of a registry: https://HOST[:PORT]")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ContextError(f"{url[:128]!r} has more than scheme and address: https://HOST[:PORT]")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{port}' if port is not None else ''}"


def place() -> Path:
    """The file that contexts are kept in."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    parent = Path(configured) if configured.startswith("/") else Path.home() / ".config"
    return parent / "holdfast" / _FILE


def read_contexts() -> Contexts:
    """What is kept. Raises `ContextError` when it cannot be read, or when others can read it."""
    path = place()
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise ContextError(f"others can read {path}, which holds tokens: chmod 600 it, then log in anew")
            kept: dict[str, Any] = json.loads(file.read(_LARGEST))
        named = {name: Context(**fields) for name, fields in kept["contexts"].items()}
        return Contexts(kept["current"], named)
    except FileNotFoundError:
        return Contexts()
    except OSError as error:
        raise ContextError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ContextError(f"{path} is not what this program wrote: remove it, then log in anew") from error


def write_contexts(contexts: Contexts) -> None:
    """Keep `contexts`. Raises `ContextError`."""
    path = place()
    kept = {"current": contexts.current, "contexts": {name: asdict(each) for name, each in contexts.named.items()}}
    draft = path.with_name(f".{_FILE}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise ContextError(f"{path} cannot be written: {error.strerror}") from error
