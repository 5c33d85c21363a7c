-- What people look at: jobs by kind, uploads while they arrive, and how storage grew. Expand only.

create index job_kind on job (kind, id);
create index job_people on job (id) where account > 0;

-- agent: the client that opened the session, null: an older program did not say.
alter table upload add column agent text collate "C";
create index upload_repository on upload (repo_id, id);

-- A body that has been coming for a while, as it is noted every few seconds. id: as in upload, or one that nothing else
-- has. began: bytes that the session held before. What the process that receives it did not take away is forgotten.
create table arriving (
  id text collate "C" primary key,
  repository text collate "C" not null,
  opener bigint not null,
  agent text collate "C" not null,
  began bigint not null,
  received bigint not null,
  length bigint,
  made_at bigint not null,
  seen_at bigint not null
);
create index arriving_repository on arriving (repository, id);
create index arriving_opener on arriving (opener, id);
create index arriving_seen on arriving (seen_at);

-- What the walk found of a path (storage_figure) on a day (since 1970-01-01, UTC), where that is not what it found the
-- last time. Bytes as there.
create table storage_day (
  path text collate "C" not null,
  day bigint not null,
  live bigint not null,
  history bigint not null,
  pending bigint not null,
  live_stored bigint not null,
  history_stored bigint not null,
  pending_stored bigint not null,
  primary key (path, day)
);
create index storage_day_age on storage_day (day, path);

-- The largest contents below a namespace ('/': of all), the largest first from 1 on.
create table storage_largest (
  walk bigint not null,
  path text collate "C" not null,
  n bigint not null,
  content_id bigint not null,
  size bigint not null,
  primary key (walk, path, n)
);

-- What paths use, from the largest down.
create index storage_figure_live on storage_figure (walk, live, path);

-- Keys that end soon.
create index api_key_expires on api_key (expires_at, id) where expires_at is not null and gone_at is null;
