-- What tells a database that was restored from an older copy: every text that the store's mark `guard` was told to be.
-- A mark that stands in no row was set after the copy was made: nothing is swept then. settled: it stood in the store.
create table sweep_guard (
  nonce text collate "C" primary key,
  moved_at bigint not null,
  settled bigint not null
);
