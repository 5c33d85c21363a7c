"""What SQLite does for the lists: no step walks a repository that only its number picks out, but an index in order."""

from __future__ import annotations

import re
from pathlib import Path

import apsw
import pytest
from tests.databases import lay_file
from tests.db.statements import Constant, constants

from holdfast.db.dialect import Prepared
from holdfast.db.query import Query

ALL = [
    each
    for each in constants()
    if each.module.startswith("holdfast.registry.browsing") and isinstance(each.statement, Query)
]
WALKED = re.compile(r"SEARCH (\w+) USING .*\(([^()]*(?:\([^()]*\))?[^()]*)\)")
IN_ORDER = {
    "BY_VERSION": "tag_version",
    "BY_PUSH": "tag_pushed",
    "BY_SIZE": "tag_size",
    "BY_PULL": "tag_pulled",
    "NEVER_PULLED": "tag_pulled",
    "UNSIZED": "tag_unsized",
}
OF_REPOSITORIES = {
    "BY_PUSH": "repository_pushed",
    "BY_PULL": "repository_pulled",
    "BY_SIZE": "usage_bytes",
    "BY_TAGS": "usage_tags",
    "BY_FREES": "storage_figure_exclusive",
    "BRANCHES": "usage_tree",
    "BRANCHES_WITH": "usage_last",
}


@pytest.mark.parametrize("constant", ALL, ids=str)
def test_a_list_walks_an_index_and_nothing_else(tmp_path: Path, constant: Constant) -> None:
    connection = apsw.Connection(lay_file(str(tmp_path / "holdfast.db")))
    text = Prepared(constant.statement.text, None).text
    values = dict.fromkeys(re.findall(r":(\w+)", text))
    steps = [str(row[3]) for row in connection.execute("explain query plan " + text, values)]
    connection.close()
    for step in steps:
        found = WALKED.match(step)
        # The newest tag of a repository is the first of its order.
        newest = constant.name in ("NEWEST", "LINES") and "INDEX tag_pushed" in step
        assert newest or found is None or found[2] != "repo_id=?", steps
    name = constant.name.removesuffix("_DOWN")
    order = (IN_ORDER if constant.module.endswith(".store") else OF_REPOSITORIES).get(name)
    assert order is None or any(f"INDEX {order}" in step for step in steps), steps
