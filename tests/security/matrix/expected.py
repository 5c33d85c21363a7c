"""What each request of the matrix is answered, by the rules as people read them.

Each function takes who asks and what for, and gives the status. `Ask.may` compares strings (roles.py): nothing of the
program decides here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.security.matrix.requests import ABSENT, NEVER, TAGS, Case
from tests.security.matrix.roles import PUSHING, may
from tests.security.matrix.subjects import OPEN, Subject

_SOME_TAGS = (*TAGS, "dev-9", "prod-9", "dev-new", "prod-new", "other")
REFUSED, HIDDEN, CHALLENGED = 403, 404, 401


class Ask(NamedTuple):
    """Somebody asks something of a repository. `token`: by a token that was asked for everything that is needed."""

    subject: Subject
    case: Case
    repository: str
    token: bool = False

    def may(self, action: str, tag: str, repository: str = "") -> bool:
        """Whether the rules let the subject do `action` at `tag`."""
        shared = () if self.subject.way == "narrow key" else (OPEN,)
        return may((*self.subject.rules, *shared), action, repository or self.repository, tag)

    def anywhere(self, action: str, repository: str = "") -> bool:
        """Whether at some tag."""
        return any(self.may(action, tag, repository) for tag in _SOME_TAGS)

    def everywhere(self, action: str, repository: str = "") -> bool:
        """Whether at every tag."""
        return all(self.may(action, tag, repository) for tag in _SOME_TAGS)

    @property
    def pushes(self) -> bool:
        """Whether the subject may push anything here."""
        return any(self.anywhere(action) for action in PUSHING)

    @property
    def here(self) -> bool:
        """Whether the repository is there."""
        return self.repository != ABSENT

    @property
    def refused(self) -> int:
        """How a refusal is answered to the subject: a stranger is asked who he is."""
        return CHALLENGED if self.subject.name == "anonymous" and not self.token else REFUSED

    def reads(self, reached: tuple[str, ...] | None, repository: str = "") -> bool:
        """Whether content that these tags reach may be read."""
        return self.everywhere("pull", repository) or any(self.may("pull", tag, repository) for tag in reached or ())


def by_tag(ask: Ask) -> int:
    """GET and HEAD of a manifest by tag. Whoever pushes without pull sees nothing at a HEAD."""
    if ask.may("pull", ask.case.tag):
        return 200 if ask.here and ask.case.tag in TAGS else HIDDEN
    return HIDDEN if ask.case.method == "HEAD" and ask.pushes else ask.refused


def digest(ask: Ask) -> int:
    """GET and HEAD of a manifest by digest."""
    if not ask.anywhere("pull"):
        return HIDDEN if ask.case.method == "HEAD" and ask.pushes else ask.refused
    return 200 if ask.here and ask.case.reached and ask.reads(ask.case.reached) else HIDDEN


def blob(ask: Ask) -> int:
    """GET and HEAD of a blob; whoever pushes without pull finds only what he uploaded."""
    if not ask.anywhere("pull"):
        return HIDDEN if ask.pushes else ask.refused
    if ask.here and ask.case.reached and ask.reads(ask.case.reached):
        return 206 if ask.case.body == "range" else 200
    return HIDDEN


def listing(ask: Ask) -> int:
    """Tags: with the right to list, or of those that may be pulled."""
    if not (ask.anywhere("list") or ask.anywhere("pull")):
        return ask.refused
    return 200 if ask.here else HIDDEN


def referrers(ask: Ask) -> int:
    """Referrers of a digest, readable as it is; what cannot be read has none."""
    return 200 if ask.anywhere("pull") else ask.refused


def _may_write(ask: Ask) -> bool:
    return ask.pushes and (ask.here or ask.may("create-repository", "other"))


def upload(ask: Ask) -> int:
    """Starting an upload."""
    return 202 if _may_write(ask) else ask.refused


def whole(ask: Ask) -> int:
    """A blob in one request."""
    return 201 if _may_write(ask) else ask.refused


def mount(ask: Ask) -> int:
    """A mount; of what cannot be read or is not there it is an ordinary upload."""
    if not _may_write(ask):
        return ask.refused
    source = ask.case.tag
    return 201 if source != NEVER and ask.case.reached and ask.reads(ask.case.reached, source) else 202


def session(ask: Ask) -> int:
    """A session that somebody else opened."""
    return HIDDEN if ask.pushes else ask.refused


def create(ask: Ask) -> int:
    """A new tag."""
    if not ask.may("create-tag", ask.case.tag) or not _may_write(ask):
        return ask.refused
    return 201


def move(ask: Ask) -> int:
    """A tag that is there where the repository is."""
    if not ask.may("overwrite" if ask.here else "create-tag", ask.case.tag) or not _may_write(ask):
        return ask.refused
    return 201


def by_digest(ask: Ask) -> int:
    """A manifest without a tag: nothing becomes reachable by it."""
    return 201 if _may_write(ask) else ask.refused


def refer(ask: Ask) -> int:
    """A referrer: needs to sign its subject, and to read it."""
    if not _may_write(ask):
        return ask.refused
    if not ask.here:  # as for one that is hidden
        return 201 if ask.everywhere("sign") and ask.everywhere("pull") else ask.refused
    signs = ask.everywhere("sign") or any(ask.may("sign", tag) for tag in ask.case.reached or ())
    return 201 if signs and ask.reads(ask.case.reached) else ask.refused


def delete_tag(ask: Ask) -> int:
    """DELETE of a tag."""
    if not ask.may("delete-tag", ask.case.tag):
        return ask.refused
    return 202 if ask.here and ask.case.tag in TAGS else HIDDEN


def delete_digest(ask: Ask) -> int:
    """DELETE by digest: of every tag that reaches it."""
    if not ask.anywhere("delete-tag"):
        return ask.refused
    reached = ask.case.reached or ()
    if not ask.here or not reached:
        return HIDDEN
    if all(ask.may("delete-tag", tag) for tag in reached):
        return 202
    return REFUSED if ask.reads(reached) else HIDDEN  # what cannot be read is as absent here as everywhere


def delete_used(ask: Ask) -> int:
    """DELETE of a blob that a manifest uses."""
    status = delete_digest(ask)
    return 405 if status == 202 else status


def unrouted(ask: Ask) -> int:
    """No route: a stranger learns nothing of it."""
    return CHALLENGED if ask.subject.name == "anonymous" and not ask.token else HIDDEN


def ping(ask: Ask) -> int:
    """The check of a log-in: asks for one, whatever is open."""
    return CHALLENGED if ask.subject.name == "anonymous" and not ask.token else 200


def catalog(_ask: Ask) -> int:
    """Everybody is told what he may know."""
    return 200


RULES: dict[str, Callable[[Ask], int]] = {
    rule.__name__: rule
    for rule in (
        by_tag,
        digest,
        blob,
        listing,
        referrers,
        upload,
        whole,
        mount,
        session,
        create,
        move,
        by_digest,
        refer,
        delete_tag,
        delete_digest,
        delete_used,
        unrouted,
        ping,
        catalog,
    )
}


def status_of(ask: Ask) -> int:
    """The status of the answer."""
    if not ask.subject.good:
        return CHALLENGED
    return RULES[ask.case.rule](ask)
