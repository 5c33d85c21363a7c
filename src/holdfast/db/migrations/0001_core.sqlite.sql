-- The data model, whole: later issues add rows and readers, they back-fill nothing.
-- Times are microseconds since the epoch (UTC) by the engine's clock; JSON is text; digests stand in `content` alone.

-- What this installation is. `uuid` is written into the blob store's marker as well.
create table installation (
  id integer primary key check (id = 1),
  uuid text not null,
  made_at integer not null
) strict;

-- Every key of the installation but the master key, wrapped by the master key.
create table secret (
  name text primary key,
  wrapped blob not null
) strict, without rowid;

-- One row: moves with every change of accounts or rights, and comes with every request's own statement.
create table policy (
  id integer primary key check (id = 1),
  version integer not null
) strict;

-- changed: the policy version of the account's last change; a permit of an older version still holds when it is older.
create table account (
  id integer primary key autoincrement,
  name text not null unique,
  kind integer not null,
  password text,
  made_at integer not null,
  disabled_at integer,
  changed integer not null
) strict;

create table repository (
  id integer primary key autoincrement,
  path text not null unique,
  born integer not null,
  gone_at integer,
  seq integer not null default 0,
  last_at integer not null
) strict;

-- Effective value: path in the prefixes of a repository's name ('' is the root), the longest wins.
create table setting (
  path text not null,
  name text not null,
  value text not null,
  primary key (path, name)
) strict, without rowid;

-- Global, never served without a link. state: 0 stored, 1 damaged (never served), 2 awaited (known only as a subject).
create table content (
  id integer primary key autoincrement,
  digest text not null unique,
  size integer not null,
  key text,
  wrapped_key blob,
  state integer not null default 0
) strict;

-- Inline content, apart so that HEAD never drags it.
create table body (
  content_id integer primary key references content (id),
  bytes blob not null
) strict;

-- Only where content is stored in more than one object.
create table segment (
  content_id integer not null references content (id),
  n integer not null,
  key text not null,
  size integer not null,
  primary key (content_id, n)
) strict, without rowid;

-- Visibility of content in a repository. kind: 0 blob, 1 image manifest, 2 index. gone_at: a tombstone for undelete.
create table link (
  repo_id integer not null references repository (id),
  content_id integer not null references content (id),
  kind integer not null,
  media_type text,
  artifact_type text,
  subject integer references content (id),
  gone_at integer,
  put_at integer not null,
  primary key (repo_id, content_id)
) strict, without rowid;
create index link_content on link (content_id);
-- The subject first: whether content is anybody's is asked, by the foreign key too, whenever content is deleted.
create index link_subject on link (subject, repo_id, content_id) where subject is not null;

-- A parent keeps its child, a subject keeps its referrer.
create table edge (
  repo_id integer not null,
  kept_id integer not null,
  keeper_id integer not null,
  primary key (repo_id, kept_id, keeper_id),
  foreign key (repo_id, kept_id) references link (repo_id, content_id),
  foreign key (repo_id, keeper_id) references link (repo_id, content_id)
) strict, without rowid;
create index edge_keeper on edge (repo_id, keeper_id);

create table tag (
  repo_id integer not null,
  name text not null,
  content_id integer not null,
  was_id integer,
  seq integer not null,
  version_key text not null,
  primary key (repo_id, name),
  foreign key (repo_id, content_id) references link (repo_id, content_id)
) strict, without rowid;
create index tag_content on tag (repo_id, content_id);
create index tag_version on tag (repo_id, version_key, name);

-- Append-only; `tag` is its last row. now_id is null where the tag was deleted.
create table tag_event (
  repo_id integer not null,
  seq integer not null,
  name text not null,
  was_id integer,
  now_id integer,
  at integer not null,
  primary key (repo_id, seq, name)
) strict, without rowid;
create index tag_event_name on tag_event (repo_id, name, seq);
create index tag_event_was on tag_event (repo_id, was_id, at) where was_id is not null;

-- When content of a repository may be looked at by the collector; an upsert keeps the later time.
create table candidate (
  repo_id integer not null,
  content_id integer not null,
  due integer not null,
  primary key (repo_id, content_id)
) strict, without rowid;
create index candidate_due on candidate (due);

-- Who was told that content is here, and until when that holds.
create table lease (
  repo_id integer not null,
  content_id integer not null,
  opener integer not null,
  due integer not null,
  primary key (repo_id, content_id, opener)
) strict, without rowid;
create index lease_due on lease (due);

-- Content that no repository links any more.
create table orphan (
  content_id integer primary key,
  due integer not null
) strict;
create index orphan_due on orphan (due);

-- Objects to delete; nothing refers to them.
create table doomed (
  key text primary key,
  due integer not null
) strict, without rowid;
create index doomed_due on doomed (due);

-- A session that holds bytes (or was cancelled: received = -1). A session without bytes is only a signed id.
create table upload (
  id text primary key,
  repo_id integer,
  opener integer not null,
  received integer not null,
  digest_so_far text,
  hash_state blob,
  expires integer not null
) strict, without rowid;
create index upload_opener on upload (opener);
create index upload_expires on upload (expires);

-- The bytes of a session while they are few enough for the database (a small layer sent by PATCH never meets a file).
create table upload_body (
  upload_id text primary key references upload (id) on delete cascade,
  bytes blob not null
) strict, without rowid;

create table upload_segment (
  upload_id text not null references upload (id) on delete cascade,
  n integer not null,
  key text not null,
  size integer not null,
  primary key (upload_id, n)
) strict, without rowid;

create table usage (
  path text primary key,
  bytes integer not null,
  repositories integer not null,
  tags integer not null
) strict, without rowid;

create table usage_delta (
  id integer primary key autoincrement,
  path text not null,
  bytes integer not null,
  repositories integer not null,
  tags integer not null
) strict;

-- The one append-only record; pos is given by the sealer.
create table journal (
  id integer primary key autoincrement,
  pos integer,
  repo_id integer,
  seq integer,
  at integer not null,
  actor text not null,
  request text not null,
  kind text not null,
  data text not null
) strict;
create unique index journal_pos on journal (pos) where pos is not null;
create index journal_repo on journal (repo_id, id);

insert into policy (id, version) values (1, 1);
