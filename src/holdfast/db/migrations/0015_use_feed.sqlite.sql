-- What was used, in batches of a few seconds, for features that count it. pos: the place in which it is told, given after
-- the commit; null until then. uses: JSON, a list of lists. Expand only.
create table use_feed (
  id integer primary key autoincrement,
  pos integer,
  at integer not null,
  uses text not null
) strict;
create index use_feed_pos on use_feed (pos) where pos is not null;
create index use_feed_waiting on use_feed (id) where pos is null;
create index use_feed_at on use_feed (at);

-- One row, which whoever gives places locks: the highest that was given.
create table use_place (
  id integer primary key check (id = 1),
  pos integer not null
) strict;
insert into use_place (id, pos) values (1, 0);

-- Handlers are told beside the jobs now.
delete from job where kind = 'tell-features' and state = 0;
delete from schedule where name = 'tell-features';
