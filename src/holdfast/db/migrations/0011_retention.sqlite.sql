-- Last use of tags and digests, what runs in clusters, and retention: plans that are reviewed before they run. Expand
-- only.

-- Since when use is told without a gap: what was not used since then may still have been used before.
create table use_tracking (
  id integer primary key check (id = 1),
  since integer not null
) strict;

-- Every process that serves, and when it told last what it had served; one that is gone without telling leaves its row.
create table use_process (
  id text primary key,
  node text not null,
  at integer not null
) strict, without rowid;

create table tag_use (
  repo_id integer not null,
  name text not null,
  last_at integer not null,
  primary key (repo_id, name),
  foreign key (repo_id, name) references tag (repo_id, name) on delete cascade
) strict, without rowid;

create table content_use (
  repo_id integer not null,
  content_id integer not null,
  last_at integer not null,
  primary key (repo_id, content_id),
  foreign key (repo_id, content_id) references link (repo_id, content_id) on delete cascade
) strict, without rowid;

-- How far each handler of a feature has read the journal.
create table event_cursor (
  name text primary key,
  pos integer not null
) strict, without rowid;

-- What runs, as a source (a cluster) told it of a path.
create table inventory (
  id integer primary key autoincrement,
  path text not null,
  source text not null,
  at integer not null,
  told_by text not null,
  unique (path, source)
) strict;

-- digest '' where only a tag is known, repository and tag '' where only a digest is.
create table inventory_image (
  inventory_id integer not null references inventory (id),
  digest text not null,
  repository text not null,
  tag text not null,
  primary key (inventory_id, digest, repository, tag)
) strict, without rowid;

-- state: 0 being made, 1 ready, 2 being applied, 3 applied. tracked_since: null when no rule asked for use.
create table retention_plan (
  id integer primary key autoincrement,
  path text not null,
  owner text,
  cause text not null,
  state integer not null,
  made_at integer not null,
  made_by text not null,
  applied_at integer,
  applied_by text,
  tracked_since integer,
  repositories integer not null default 0,
  tags integer not null default 0,
  drops integer not null default 0,
  keeps integer not null default 0,
  bytes integer not null default 0,
  dropped integer not null default 0,
  skipped integer not null default 0,
  freed integer not null default 0
) strict;
create index retention_plan_path on retention_plan (path, id);

-- Every tag (name) and every untagged manifest (name '') that a rule would drop. verdict: 0 dropped, 1 kept all the
-- same. outcome: 0 not yet, 1 done, 2 skipped, and why. uses: whether the verdict rests on its not being used.
create table retention_item (
  plan_id integer not null references retention_plan (id),
  repo_id integer not null,
  name text not null,
  content_id integer not null,
  seq integer not null,
  at integer not null,
  verdict integer not null,
  rule text not null,
  reason text not null,
  uses integer not null,
  bytes integer not null default 0,
  outcome integer not null default 0,
  skipped text,
  primary key (plan_id, repo_id, name, content_id)
) strict, without rowid;
create index retention_item_content on retention_item (plan_id, repo_id, content_id, verdict, name);

-- While a plan is made: what nothing would reach any more, and whose going frees it.
create table retention_freed (
  plan_id integer not null,
  repo_id integer not null,
  content_id integer not null,
  owner_id integer not null,
  level integer not null,
  primary key (plan_id, repo_id, content_id)
) strict, without rowid;
create index retention_freed_level on retention_freed (plan_id, repo_id, level, content_id);
create index retention_freed_owner on retention_freed (plan_id, repo_id, owner_id, level);

-- When the rules of a path are due next.
create table retention_schedule (
  path text primary key,
  cron text not null,
  next_at integer not null
) strict, without rowid;
