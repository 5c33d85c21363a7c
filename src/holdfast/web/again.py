"""A form that came when its sign-in had ended is not lost: a page keeps it, and whoever is signed in again sends it.

Promises: nothing is done by it until somebody who is signed in looked at it and sent it himself, by a form that is
marked for his session; only what came from a page of our origin is kept, sealed, for an hour, and without secrets.
"""

from __future__ import annotations

from holdfast.web.forms import Kept
from holdfast.web.frame import Frame
from holdfast.web.visit import Answer, Visit

_SHOWN = 20


def again_page(frame: Frame, visit: Visit, said: str) -> Answer | None:
    """The page that keeps the form of this visit; None: nothing was written into it, or it is not of a page of ours.
    `said`: why it was not taken."""
    if visit.sent is None or visit.path.startswith("/sign-"):
        return None
    kept = frame.forms.keep(visit.headers, visit.here, visit.sent, frame.now())
    return page_of(frame, visit, said, kept) if kept else None


def page_of(frame: Frame, visit: Visit, said: str, kept: str) -> Answer:
    """The page of what was kept: to be sent by whoever is signed in, else the way to sign in."""
    form = frame.forms.kept(kept, frame.now())
    written = _written(form) if form is not None else []
    return frame.page(
        visit,
        "again.html",
        status=403,
        said=said,
        kept=kept,
        sent=form,
        written=written[:_SHOWN],
        more=max(0, len(written) - _SHOWN),
    )


def _written(form: Kept) -> list[tuple[str, str]]:
    return [(name, value) for name, value in form.pairs if value]
