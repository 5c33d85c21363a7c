"""What the API shows of counts."""

from __future__ import annotations

from datetime import date
from typing import Literal

from holdfast.api.shape import Moment, Output
from holdfast.insights.looking import Puller, Report
from holdfast.insights.model import Counts, date_text, month_text
from holdfast.insights.ranking import Idle, Ranked
from holdfast.insights.showback import Month


class CountsView(Output):
    """How often: `pulls` of manifests that are no index, GETs of `indexes`, `checks` by HEAD, `named`: of all these
    and of pushes those that named a tag, `pushes`; and bytes of bodies `sent` and `received`."""

    pulls: int
    indexes: int
    checks: int
    named: int
    pushes: int
    sent: int
    received: int


class DayView(CountsView):
    """A day (UTC) on which something was counted."""

    day: date


class CountedNameView(CountsView):
    """Counts under a name. `name` null: of what has none, and of the rare together."""

    name: str | None


class ReportView(Output):
    """A repository. `total`, `days` null: you may be told of some of its tags only. `counted_since`: the first day of
    which anything is known; `first_day`: the first that is asked for; `more`: more names than `rows` has."""

    repository: str
    counted_since: date | None
    first_day: date
    total: CountsView | None
    days: list[DayView] | None
    by: str
    rows: list[CountedNameView]
    more: bool


class PullerView(Output):
    """Who pulled and pushed, with which client, from which network. null: the rare together."""

    subject: str | None
    subject_class: Literal["person", "robot", "anonymous", "scanner", "mirror"]
    agent: str | None
    network: str | None
    pulls: int
    pushes: int
    first_at: Moment
    last_at: Moment


class WhoView(Output):
    """Those who pulled and pushed, the latest first."""

    repository: str
    items: list[PullerView]


class RankedView(Output):
    """A repository, or a tag of one, and its pulls of 30 days; `pulls_all`: with those of scanners and mirrors."""

    repository: str
    tag: str | None
    pulls: int
    pulls_all: int
    last_pulled_at: Moment | None


class TopView(Output):
    """The most pulled first."""

    items: list[RankedView]


class IdleView(Output):
    """What nobody pulled who runs images. `since`: when it was made, of a tag when it was pushed; `last_pulled_at`
    null: not since `counted_since`."""

    repository: str
    tag: str | None
    since: Moment
    last_pulled_at: Moment | None
    pulls_all: int


class IdlePage(Output):
    """A piece of the idle ones. `counted_since`: the first day of which anything is known."""

    items: list[IdleView]
    next: str | None
    counted_since: date | None


class MonthView(Output):
    """A namespace ('' for everything) in a month. `stored`: bytes when it was looked at last, `average`: over the days
    of the month; null: it was not looked at."""

    path: str
    month: str
    stored: int | None
    average: int | None
    pulls: int
    pushes: int
    sent: int
    received: int


def counts_view(counts: Counts) -> CountsView:
    """Counts as the API shows them."""
    return CountsView(**counts._asdict())


def report_view(report: Report) -> ReportView:
    """A report as the API shows it."""
    return ReportView(
        repository=report.repository,
        counted_since=_date(report.counted_since),
        first_day=date.fromisoformat(date_text(report.first_day)),
        total=counts_view(report.total) if report.total is not None else None,
        days=[DayView(day=date.fromisoformat(date_text(day)), **counts._asdict()) for day, counts in report.days]
        if report.days is not None
        else None,
        by=str(report.by),
        rows=[CountedNameView(name=each.name, **each.counts._asdict()) for each in report.rows],
        more=report.more,
    )


def puller_view(puller: Puller) -> PullerView:
    """One who pulled, as the API shows him."""
    found = puller._asdict()
    return PullerView.model_validate({**found, "subject_class": found.pop("what").word})


def ranked_view(ranked: Ranked) -> RankedView:
    """One of a ranking."""
    return RankedView(
        repository=ranked.repository,
        tag=ranked.tag,
        pulls=ranked.pulls,
        pulls_all=ranked.pulls_all,
        last_pulled_at=ranked.last_at,
    )


def idle_view(idle: Idle) -> IdleView:
    """An idle one."""
    return IdleView(
        repository=idle.repository,
        tag=idle.tag,
        since=idle.since,
        last_pulled_at=idle.last_at,
        pulls_all=idle.pulls_all,
    )


def idle_page(items: list[IdleView], next: str | None, counted_since: int | None) -> IdlePage:
    """A piece of the idle ones."""
    return IdlePage(items=items, next=next, counted_since=_date(counted_since))


def month_view(month: Month) -> MonthView:
    """A month of a namespace."""
    return MonthView(**{**month._asdict(), "month": month_text(month.month)})


def _date(day: int | None) -> date | None:
    return date.fromisoformat(date_text(day)) if day is not None else None
