"""The account of what is connected: a robot of its own, with a right in one repository, and a key or a rule for it.

Promises: it may do nothing elsewhere, and ends when it was said to; when anything fails on the way, nothing is left of
it, or the command that takes away what is left is said. It is made by what everyone manages by: three requests of the
management API, which decides whether the caller may.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import click

from holdfast.cli.client import Client, Problem, Unreachable, segment
from holdfast.cli.output import plain

KEY_NAME = "connect"
_PLACE = 64
_TAIL = 8
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_USER = re.compile(r"[a-z0-9._/-]+\+[a-z0-9._-]+\Z")
_SECRET = re.compile(r"hf_[0-9A-Za-z]+\Z")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An account to be made. `target`: for what; `push`: it may push too; `expires_at`: as the API takes it, None:
    never; `issuer`, `claims`: a rule instead of a key; no claims: a key."""

    target: str
    repository: str
    push: bool = False
    expires_at: str | None = None
    issuer: str = ""
    claims: Mapping[str, str] = field(default_factory=dict)

    @property
    def role(self) -> str:
        """What it may, in its repository."""
        return "writer" if self.push else "reader"

    @property
    def stem(self) -> str:
        """How its name begins."""
        last = re.sub(r"[^a-z0-9]+", "-", self.repository.rpartition("/")[2]).strip("-")
        return f"connect-{self.target}-{last}"[: _PLACE - _TAIL - 1].rstrip("-")


@dataclass(frozen=True, slots=True)
class Account:
    """An account. `user`: by which name it logs in; `secret`: its key, '' where it has none; `real`: it was made, and
    does not merely stand for one."""

    user: str
    secret: str = field(repr=False)
    expires_at: str | None
    real: bool = True

    @property
    def subject(self) -> str:
        """What grants call it."""
        return f"robot:{self.user}"


def placeholder(wanted: Wanted) -> Account:
    """What stands for the account where nothing is to be made."""
    user = f"{_namespaces(wanted.repository)[0]}+{wanted.stem}-{'X' * _TAIL}"
    return Account(user, "" if wanted.claims else "KEY", wanted.expires_at, real=False)


@contextmanager
def made(client: Client, wanted: Wanted) -> Iterator[Account]:
    """Make the account, and take it back when the block that writes it down fails. Raises `Problem`, `Unreachable`."""
    name = f"{wanted.stem}-{''.join(secrets.choice(_LETTERS) for _ in range(_TAIL))}"
    user = _make_robot(client, wanted, name)
    try:
        secret = _let_in(client, wanted, user, name)
        yield Account(user, secret, wanted.expires_at)
    except BaseException:
        _take_back(client, user)
        raise


def exists(client: Client, repository: str) -> bool:
    """Whether the repository is there, in the caller's sight. Raises `Problem`, `Unreachable`."""
    try:
        client.get(f"/repositories/{segment(repository)}")
    except Problem as problem:
        if problem.status != 404:
            raise
        return False
    return True


def known_issuer(client: Client, preset: str) -> str:
    """The name of the issuer of this kind that the registry believes. Raises `click.UsageError` where there is none,
    or where there are several."""
    found = [str(each["name"]) for each in client.pages("/issuers") if each["preset"] == preset]
    if len(found) > 1:
        raise click.UsageError(
            f"the registry believes several issuers of this kind: give --issuer, one of {plain(found)}"
        )
    if not found:
        raise click.UsageError(
            f"the registry believes no tokens of {preset} yet: an administrator registers it once, "
            f"`holdfast issuer add {preset} --preset {preset}`; without --claim there is a key instead"
        )
    return found[0]


def _make_robot(client: Client, wanted: Wanted, name: str) -> str:
    """Make the robot in the namespace of the repository, else, for who manages no more than that, in the repository."""
    refusal: Problem | None = None
    about = f"connect {wanted.target}: {'pushes to and pulls' if wanted.push else 'pulls'} {wanted.repository}"
    for namespace in _namespaces(wanted.repository):
        body = {"namespace": namespace, "name": name, "description": about[:512], "expires_at": wanted.expires_at}
        try:
            user = str(client.post("/robots", body)["name"])
        except Problem as problem:
            if problem.status >= 500:  # it may be there all the same
                _take_back(client, f"{namespace}+{name}")
            if problem.status != 403:
                raise
            refusal = refusal or problem
            continue
        except BaseException:  # the answer is lost: it may be there
            _take_back(client, f"{namespace}+{name}")
            raise
        if not _USER.match(user):
            raise Unreachable(f"{client.context.url} gives a robot a name that is none")
        return user
    assert refusal is not None
    raise _advised(refusal, wanted.repository)


def _let_in(client: Client, wanted: Wanted, user: str, name: str) -> str:
    """Give the robot its right, and a key (which is returned) or a rule (''). Raises `Problem`, `Unreachable`."""
    subject = f"robot:{user}"
    grant = {"subject": subject, "scope": wanted.repository, "role": wanted.role, "expires_at": wanted.expires_at}
    try:
        client.post("/grants", {**grant, "note": f"connect {wanted.target}"})
        if not wanted.claims:
            return _make_key(client, wanted, subject)
        rule = {"namespace": user.partition("+")[0], "name": name, "issuer": wanted.issuer, "robot": user}
        client.post("/federation/rules", {**rule, "claims": dict(wanted.claims)})
    except Problem as problem:
        raise _advised(problem, wanted.repository) from None
    return ""


def _make_key(client: Client, wanted: Wanted, subject: str) -> str:
    bounds = [{"role": wanted.role, "repository": wanted.repository}]
    body = {"name": KEY_NAME, "owner": subject, "bounds": bounds, "expires_at": wanted.expires_at}
    secret = str(client.post("/keys", body)["secret"])
    if not _SECRET.match(secret):
        raise Unreachable(f"{client.context.url} gives a key that is none")
    return secret


def _take_back(client: Client, user: str) -> None:
    """Delete the robot, with all that it has; or say that it may be there."""
    path = f"/robots/{segment(user)}"
    try:
        client.delete(path)
    except Problem as problem:
        if problem.status != 404 and not _is_gone(client, path):
            _say_left(user, problem.detail)
    except Unreachable as error:
        _say_left(user, str(error))


def _is_gone(client: Client, path: str) -> bool:
    """Whether nothing is there that could not be deleted: a registry that takes no writes made nothing either."""
    try:
        client.get(path)
    except Problem as problem:
        return problem.status == 404
    except Unreachable:
        return False
    return False


def _say_left(user: str, reason: str) -> None:
    click.echo(f"holdfast: robot:{user} may be there and could not be taken back: {plain(reason)}", err=True)
    click.echo(f"  to delete it: holdfast robot delete '{user}'", err=True)


def _advised(problem: Problem, repository: str) -> Problem:
    """The refusal, with whom to ask where the caller may not."""
    if problem.status != 403:
        return problem
    whom = f"an owner of {_namespaces(repository)[0]} (who has 'manage-access' there) or an administrator"
    said = f"{problem.detail}; ask {whom} to run this for you"
    return Problem(problem.status, {**problem.body, "detail": said})


def _namespaces(repository: str) -> list[str]:
    """Whose robot it may be: the namespace's that the repository is in, and the repository's own."""
    return list(dict.fromkeys((repository.rpartition("/")[0] or repository, repository)))
