"""The subjects of the authorisation matrix: how each authenticates, and what it holds, in the words of roles.py."""

from __future__ import annotations

from typing import NamedTuple

from tests.security.matrix.roles import ROLES, Rule, begins, below, everywhere

PULL = frozenset({"pull"})
OPEN = Rule(frozenset({"pull", "list"}), below("open"))
"""What everyone may: the namespace `open` is public."""


class Subject(NamedTuple):
    """Somebody. `way`: how the credential is shown (see world.py); `good`: whether it is good at all; `rules`: what the
    subject holds beside what everyone may; `grants`: the same as the commands that make it so; `asked`: the scopes of
    the token shown, None: no token."""

    name: str
    way: str
    rules: tuple[Rule, ...] = ()
    grants: tuple[str, ...] = ()
    good: bool = True
    asked: tuple[str, ...] | None = None


def _role(role: str) -> Subject:
    whole = role in ("operator", "administrator")
    where, glob = (everywhere, "**") if whole else (below("team"), "team/**")
    return Subject(role, "password", (Rule(ROLES[role], where),), (f"{role} {glob}",))


_WRITER = Rule(ROLES["writer"], below("team"))
_DEV = begins("dev-")
_PROD = begins("prod-")
SUBJECTS: tuple[Subject, ...] = (
    Subject("anonymous", "none"),
    Subject("stranger", "password"),
    Subject("tenant", "password", (Rule(ROLES["owner"], below("other")),), ("owner other/**",)),
    *(_role(role) for role in ROLES),
    Subject("dev-reader", "password", (Rule(ROLES["reader"], below("team"), _DEV),), ("reader team/**:dev-*",)),
    Subject("dev-writer", "password", (Rule(ROLES["writer"], below("team"), _DEV),), ("writer team/**:dev-*",)),
    Subject(
        "dev-maintainer", "password", (Rule(ROLES["maintainer"], below("team"), _DEV),), ("maintainer team/**:dev-*",)
    ),
    Subject(
        "developer",
        "password",
        (_WRITER, Rule(PULL, below("team"), _PROD, deny=True)),
        ("writer team/**", "--deny pull team/**:prod-*"),
    ),
    Subject(
        "blind-pusher",
        "password",
        (_WRITER, Rule(PULL, below("team"), deny=True)),
        ("writer team/**", "--deny pull team/**"),
    ),
    Subject("member", "group", (_WRITER,), ("writer team/**",)),
    Subject("robot", "robot", (_WRITER,), ("writer team/**",)),
    Subject("key-of-owner", "key", (Rule(ROLES["owner"], below("team")),), ("owner team/**",)),
    Subject("narrow-key", "narrow key", (Rule(PULL, below("team"), _DEV),), ("owner team/**",)),
    Subject("elsewhere", "password", (), ("--from 192.0.2.0/24 owner team/**",)),
    Subject("disabled", "disabled", (), ("owner team/**",), good=False),
    Subject("expired-key", "expired key", (), ("owner team/**",), good=False),
    Subject("revoked-key", "revoked key", (), ("owner team/**",), good=False),
    Subject("wrong-password", "wrong password", (), ("owner team/**",), good=False),
)
