-- Several tags at once: what was looked at, what became of each, and what it was taken back by. Expand only.

-- kind: delete, label, promote or protect. wish: what is to be done beside, JSON (the target, the label). origin: from
-- where it was asked for, JSON. seq: the place in the history of the repository up to which tags were chosen. newer: how
-- many were put after it, and stay. total: its tags, null while they are still being written down. undoes: the change
-- that this one takes back, job: the one that does it.
create table tag_change (
  id integer primary key autoincrement,
  account integer not null,
  repo_id integer not null,
  path text not null,
  kind text not null,
  wish text not null default '{}',
  origin text not null,
  seq integer not null,
  newer integer not null default 0,
  total integer,
  undoes integer,
  job integer,
  made_at integer not null,
  started_at integer,
  ended_at integer
) strict;
create index tag_change_made on tag_change (made_at, id);
create unique index tag_change_undoes on tag_change (undoes) where undoes is not null;

-- was: the digest of the tag when it was looked at. now: the digest that it has since; before: what the target's tag
-- pointed to. outcome: 0 waits, 1 done, 2 left as it was, 3 was never to change; why: of 2 and 3.
create table tag_change_item (
  change_id integer not null references tag_change (id),
  name text not null,
  was text not null,
  now text,
  before text,
  outcome integer not null default 0,
  why text,
  primary key (change_id, name)
) strict, without rowid;
create index tag_change_item_outcome on tag_change_item (change_id, outcome, name);
