"""What the ledger must say, found by looking: at the objects in the store, and at every row."""

from __future__ import annotations

from tests.registry.house import House, staged

from holdfast.registry.ledger import totals as ledger
from holdfast.registry.quotas.folding import fold as fold_usage
from holdfast.registry.quotas.service import used
from holdfast.registry.verify import ledger_store


async def objects_of(house: House) -> int:
    """Bytes of all objects in the store, as they lie there."""
    found = 0
    async for page in house.blobs.keys():
        for key in page:
            found += await house.blobs.size(key) or 0
    return found


async def check(house: House, *, fold: bool) -> None:
    """Everything that is counted is what there is, before and after folding."""
    if fold:
        await ledger.fold(house.db)
        await fold_usage(house.db)
    totals = await ledger.totals(house.db)
    assert totals.objects + totals.doomed + totals.parts == await objects_of(house)
    rows = "select coalesce(sum(length(bytes)), 0) from "
    assert totals.inline == house.sql(rows + "body")[0]
    assert totals.early == house.sql(rows + "upload_body")[0]
    if not await staged(house.blobs):
        assert totals.staged == 0
    assert await house.db.all(ledger_store.TOTALS_SHORT) == []
    ids = house.sql("select id from repository where gone_at is null")
    assert [row for row in await house.db.all(ledger_store.SHORT, ids=ids) if any(row[1:])] == []
    counts = await used(house.db, "")
    own = "select coalesce(sum(c.size), 0) from link l join content c on c.id = l.content_id where l.gone_at is null"
    assert counts.bytes == house.sql(own)[0]
    assert counts.tags == house.sql("select count(*) from tag")[0]
    assert counts.repositories == len(ids)
