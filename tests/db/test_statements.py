"""Every statement of the program: it prepares, returns what its row type says, and finds its rows by an index."""

from __future__ import annotations

import re
from collections.abc import Iterator

import apsw
import apsw.ext
import pytest
from tests.db.statements import Constant, all_hold, constants

from holdfast.db.dialect import Prepared
from holdfast.db.migrate import migrate
from holdfast.db.query import Query
from holdfast.db.session import connect

ALL = constants()
NUMBERS = {
    "account",
    "account_id",
    "after",
    "aliases",
    "at",
    "attempts_max",
    "cached_at",
    "cap",
    "concurrency",
    "content_id",
    "creates",
    "due",
    "effect",
    "expires_at",
    "grant_expires_at",
    "id",
    "issuer_id",
    "job",
    "kept",
    "key_id",
    "kind",
    "limit",
    "most",
    "newer",
    "now",
    "outcome",
    "priority",
    "provider",
    "referrers",
    "repo_id",
    "robot_id",
    "run_at",
    "score",
    "seq",
    "sights",
    "signed",
    "since",
    "size",
    "state",
    "subject_id",
    "total",
    "undoes",
    "until",
    "version",
}
_BOUND = re.compile(r"\b(?:limit|offset)\s+(?:[:\w]+\s*[-+]\s*)?:(\w+)")
BLOBS = {"hash", "sealed", "secret", "wrapped_key"}
HOT = (
    "holdfast.access.store",
    "holdfast.access.accounts.store",
    "holdfast.access.keys.store",
    "holdfast.access.federation.store",
    "holdfast.jobs.store",
    "holdfast.journal.store",
    "holdfast.registry.store",
    "holdfast.registry.pull.store",
    "holdfast.registry.reach.store",
    "holdfast.registry.push.store",
    "holdfast.registry.upload.store",
    "holdfast.registry.listing.store",
    "holdfast.registry.deletion.store",
    "holdfast.registry.history.store",
    "holdfast.registry.history.closure_store",
    "holdfast.registry.history.rollback.store",
    "holdfast.registry.history.undelete.store",
    "holdfast.registry.sweep.store",
    "holdfast.registry.promotion.store",
    "holdfast.registry.details.store",
    "holdfast.registry.search.store",
    "holdfast.registry.lastuse.store",
    "holdfast.registry.browsing.store",
    "holdfast.registry.browsing.repositories_store",
)
"""Modules whose statements serve requests, or run every minute."""
LISTS = (
    "holdfast.access.requests.store",
    "holdfast.access.invitations.store",
    "holdfast.insights.ranking_store",
    "holdfast.insights.recent_store",
    "holdfast.journal.latest_store",
    "holdfast.registry.attention.store",
    "holdfast.registry.events.store",
    "holdfast.registry.exporting.store",
    "holdfast.registry.ledger.figures_store",
    "holdfast.registry.several.store",
    "holdfast.registry.upload.looking_store",
    "holdfast.unusual.store",
    "holdfast.webhooks.delivery_store",
    "holdfast.webhooks.store",
)
"""Modules whose statements serve the lists of pages (those of insights' sums: test_insight_plans.py)."""
PLANNED = {*HOT, *LISTS}
WHOLE = {
    "access.accounts.store.ANY_ACCOUNT",
    "access.accounts.store.MOVE_VERIFIER",
    "access.store.SECRETS",
    "registry.attention.store.NEEDS",
    "registry.lastuse.store.PROCESSES",
}
"""Statements that read a whole table, and may: they run at a first start only, or the table holds a
handful of keys, nodes or counts, or the index what is damaged alone."""
HANDFUL = {"storage_walk", "webhook", "arriving", "canary", "unusual_place"}
"""Tables of a handful of rows: the last counts, what people set up, what arrives in these seconds, and places that are
counted against their bound."""
FEW_ROWS = {
    "registry.store.SETTING",
    "registry.reach.store.WERE_ON",
    "registry.browsing.store.TOLD",
    # Requests and invitations below a path that are open, each person a few; who used one invitation.
    "access.requests.store.REQUESTS_BELOW",
    "access.invitations.store.INVITATIONS_BELOW",
    "access.invitations.store.USES",
    # The days of a month of the paths of a page; two pages of paths, made one.
    "insights.ranking_store.PATHS",
    "insights.ranking_store.TRAFFIC",
    "insights.recent_store.USE",
    # The open alerts of one subject, or of one network; the webhooks of one path, and of its prefixes.
    "unusual.store.OPEN_OF_SUBJECT",
    "unusual.store.OPEN_OF_NETWORK",
    "webhooks.store.PAGE_OF",
    "webhooks.store.SUBSCRIBED",
}
"""Statements that sort, but only as many rows as a name has prefixes, or as tags ceased at the very same time, or as
subjects pulled one tag on one day; or as said."""


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    path = str(tmp_path_factory.mktemp("statements") / "holdfast.db")
    migrate(path)
    found = connect(path)
    yield found
    found.close()


def sql(constant: Constant) -> str:
    return Prepared(constant.statement.text, None).text


def plan(connection: apsw.Connection, text: str) -> list[str]:
    """The steps of a statement's plan, without those of checking foreign keys."""
    connection.execute("pragma foreign_keys = off")
    values = dict.fromkeys(re.findall(r":(\w+)", text))
    steps = [str(row[3]) for row in connection.execute("explain query plan " + text, values)]
    connection.execute("pragma foreign_keys = on")
    return steps


def scanned(connection: apsw.Connection, text: str, steps: list[str]) -> list[str]:
    """The steps that read a whole table of the schema, which `text` may call by another name."""
    tables = {name for (name,) in connection.execute("select name from sqlite_schema where type = 'table'")}
    tables -= HANDFUL
    called = {alias for table, alias in re.findall(r"\b(\w+)\s+(?:as\s+)?(\w+)", text) if table in tables}
    return [step for step in steps if step.startswith("SCAN ") and step.split()[1] in tables | called]


def test_there_are_statements() -> None:
    modules = {each.module for each in ALL}
    assert modules >= PLANNED
    elsewhere = {name for name in modules if not name.endswith("store") and not name.startswith("holdfast.db.")}
    assert elsewhere == set(), "SQL stands in stores and in db alone"


def test_a_statement_prepares_and_returns_what_its_row_says(connection: apsw.Connection) -> None:
    def holds(constant: Constant) -> None:
        found = apsw.ext.query_info(connection, sql(constant))
        columns = [name for name, *_ in found.description]
        assert found.query_remaining is None, "one statement a constant"
        if isinstance(constant.statement, Query):
            assert tuple(columns) == constant.statement.row._fields
        else:
            assert columns == []
            assert not found.is_readonly

    all_hold(holds, ALL)


def test_a_hot_statement_neither_scans_nor_sorts(connection: apsw.Connection) -> None:
    def holds(constant: Constant) -> None:
        text = sql(constant)
        steps = plan(connection, text)
        if str(constant) not in WHOLE:
            assert scanned(connection, text, steps) == []
        if str(constant) not in FEW_ROWS:
            assert [step for step in steps if "TEMP B-TREE" in step] == []

    all_hold(holds, (each for each in ALL if each.module in PLANNED))


def test_a_scan_would_be_seen(connection: apsw.Connection) -> None:
    for text in ("select size from content", "select my.size from content my", "select name from tag where seq = 1"):
        assert scanned(connection, text, plan(connection, text)) != []
    text = "select path from repository where path = 'a'"
    assert scanned(connection, text, plan(connection, text)) == []


def test_deleting_a_row_finds_those_that_refer_to_it_by_an_index(connection: apsw.Connection) -> None:
    """Else the collector's cost would grow with the store and not with the garbage."""
    slow = {}
    for (table,) in connection.execute("select name from sqlite_schema where type = 'table'").fetchall():
        keys = [row[1] for row in connection.execute(f"pragma table_info({table})") if row[5]]
        if not keys:
            continue
        where = " and ".join(f"{key} = 1" for key in keys)
        text = f"delete from {table} where {where}"
        steps = [row[3] for row in connection.execute("explain query plan " + text)]
        if found := scanned(connection, text, steps):
            slow[table] = found
    assert slow == {}


def test_a_query_is_prepared_once(connection: apsw.Connection) -> None:
    """Unless plans are stable, SQLite prepares anew at each execution where a bound value might change the plan.

    The engine asks its authorizer whenever it prepares, and only then.
    """

    def holds(constant: Constant) -> None:
        asked: list[int] = []

        def authorize(*what: object) -> int:
            asked.append(1)
            return apsw.SQLITE_OK

        text = sql(constant)
        values = {
            name: 1 if name in NUMBERS else b"1" if name in BLOBS else "[1]" for name in re.findall(r":(\w+)", text)
        }
        connection.authorizer = authorize
        connection.execute("savepoint before")
        connection.execute("pragma defer_foreign_keys = on")
        try:
            try:
                connection.execute(text, values).fetchall()
            except apsw.Error as error:
                raise AssertionError(f"{error}, asked with {values}") from error
            assert asked
            asked.clear()
            connection.execute(text, {name: {1: 2, b"1": b"2"}.get(value, "[2]") for name, value in values.items()})
            assert asked == []
        finally:
            connection.authorizer = None
            connection.execute("rollback to before; release before")

    all_hold(holds, (each for each in ALL if isinstance(each.statement, Query)))


def test_a_bound_is_a_number() -> None:
    """Else the engine refuses it with the first row that it is asked for, and not before."""
    wrong = {str(each): found for each in ALL if (found := set(_BOUND.findall(each.statement.text)) - NUMBERS)}
    assert wrong == {}
