-- What tells a database that was restored from an older copy: every text that the store's mark `guard` was told to be.
-- A mark that stands in no row was set after the copy was made: nothing is swept then. settled: it stood in the store.
create table sweep_guard (
  nonce text primary key,
  moved_at integer not null,
  settled integer not null
) strict, without rowid;
