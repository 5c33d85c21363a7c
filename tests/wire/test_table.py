"""The wire tables: request by request, status, code, headers and body, and what `always` asks of every answer."""

from __future__ import annotations

import pytest
from tests.wire.always import checked
from tests.wire.client import Connection
from tests.wire.row import Row
from tests.wire.seed import Stage
from tests.wire.table import ROWS


@pytest.mark.parametrize("row", [pytest.param(row, id=row.title) for row in ROWS])
def test_a_row_of_the_table(sown: Connection, row: Row) -> None:
    stage = Stage(sown)
    sent = {name: stage.fill(value) for name, value in row.sent.items()}
    answer = checked(sown.ask(row.method, stage.fill(row.target), row.body, sent))
    assert answer.status == row.status, str(answer)
    if row.method != "HEAD":
        assert (answer.code or "") == row.code, str(answer)
    for name, value in row.headers.items():
        assert answer.header(name) == (value if value is None else stage.fill(value)), str(answer)
    if row.content is not None:
        assert answer.body == row.content
    if row.json is not None:
        assert answer.json == row.json
    assert sown.ask("GET", "/v2/").status == 200, "the next request is answered"
