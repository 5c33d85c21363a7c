-- The storage ledger: what lies in store and database, kept by triggers so that nothing that writes can forget it; what
-- paths use as if they were alone; what quotas were warned of; how far the scrub is. Expand only.

-- The whole of each figure, and what was not folded into it yet. what: 'objects' (of content), 'inline', 'doomed',
-- 'parts', 'early' and 'staged' (of uploads). Bytes as they lie there, with what encryption adds.
create table ledger (
  what text primary key,
  bytes integer not null,
  objects integer not null
) strict, without rowid;
create table ledger_delta (
  id integer primary key autoincrement,
  what text not null,
  bytes integer not null,
  objects integer not null
) strict;

-- Bytes of the object as it lies in the store; filled by the trigger where nobody gives it.
alter table segment add column stored integer;
alter table upload_segment add column stored integer;
-- Null: nobody knew.
alter table doomed add column size integer;
-- Bytes in clear.
alter table upload_body add column size integer;

create trigger ledger_content_insert after insert on content when new.key is not null begin
  insert into ledger_delta (what, bytes, objects) values ('objects', new.size + case when new.wrapped_key is null then 0 else 16 * case when new.size = 0 then 1 else (new.size + 65535) / 65536 end end, 1);
end;
create trigger ledger_content_update after update of size, key, wrapped_key on content
when old.key is not new.key
  or (new.key is not null
    and (old.size <> new.size or (old.wrapped_key is null) <> (new.wrapped_key is null)))
begin
  insert into ledger_delta (what, bytes, objects)
  select 'objects', coalesce(sum(bytes), 0), coalesce(sum(objects), 0) from (
    select new.size + case when new.wrapped_key is null then 0 else 16 * case when new.size = 0 then 1 else (new.size + 65535) / 65536 end end as bytes, 1 as objects where new.key is not null
    union all select -(old.size + case when old.wrapped_key is null then 0 else 16 * case when old.size = 0 then 1 else (old.size + 65535) / 65536 end end), -1 where old.key is not null
  );
  update doomed set size = old.size + case when old.wrapped_key is null then 0 else 16 * case when old.size = 0 then 1 else (old.size + 65535) / 65536 end end
  where key = old.key and old.key is not new.key and size is null;
end;
create trigger ledger_content_delete after delete on content when old.key is not null begin
  insert into ledger_delta (what, bytes, objects) values ('objects', -(old.size + case when old.wrapped_key is null then 0 else 16 * case when old.size = 0 then 1 else (old.size + 65535) / 65536 end end), -1);
  update doomed set size = old.size + case when old.wrapped_key is null then 0 else 16 * case when old.size = 0 then 1 else (old.size + 65535) / 65536 end end where key = old.key and size is null;
end;

create trigger ledger_body_insert after insert on body begin
  insert into ledger_delta (what, bytes, objects) values ('inline', length(new.bytes), 1);
end;
create trigger ledger_body_update after update of bytes on body when length(old.bytes) <> length(new.bytes) begin
  insert into ledger_delta (what, bytes, objects) values ('inline', length(new.bytes) - length(old.bytes), 0);
end;
create trigger ledger_body_delete after delete on body begin
  insert into ledger_delta (what, bytes, objects) values ('inline', -length(old.bytes), -1);
end;

create trigger ledger_segment_insert after insert on segment begin
  update segment set stored = (
    select new.size + case when c.wrapped_key is null then 0 else 16 * case when new.size = 0 then 1 else (new.size + 65535) / 65536 end end
    from content c where c.id = new.content_id
  ) where content_id = new.content_id and n = new.n and new.stored is null;
  insert into ledger_delta (what, bytes, objects)
  select 'objects', coalesce(stored, 0), 1 from segment where content_id = new.content_id and n = new.n;
end;
create trigger ledger_segment_delete after delete on segment begin
  insert into ledger_delta (what, bytes, objects) values ('objects', -coalesce(old.stored, 0), -1);
  update doomed set size = old.stored where key = old.key and size is null;
end;

create trigger ledger_doomed_insert after insert on doomed begin
  insert into ledger_delta (what, bytes, objects) values ('doomed', coalesce(new.size, 0), 1);
end;
create trigger ledger_doomed_update after update of size on doomed when coalesce(old.size, 0) <> coalesce(new.size, 0) begin
  insert into ledger_delta (what, bytes, objects) values ('doomed', coalesce(new.size, 0) - coalesce(old.size, 0), 0);
end;
create trigger ledger_doomed_delete after delete on doomed begin
  insert into ledger_delta (what, bytes, objects) values ('doomed', -coalesce(old.size, 0), -1);
end;

create trigger ledger_upload_insert after insert on upload when new.received > 0 begin
  insert into ledger_delta (what, bytes, objects) values ('staged', new.received, 0);
end;
create trigger ledger_upload_update after update of received on upload when old.received <> new.received begin
  insert into ledger_delta (what, bytes, objects) values (
    'staged',
    case when new.received > 0 then new.received else 0 end
      - case when old.received > 0 then old.received else 0 end,
    0
  );
end;
create trigger ledger_upload_delete after delete on upload when old.received > 0 begin
  insert into ledger_delta (what, bytes, objects) values ('staged', -old.received, 0);
end;

create trigger ledger_part_insert after insert on upload_segment begin
  update upload_segment set stored = (
    select new.size + case when u.wrapped_key is null then 0 else 16 * case when new.size = 0 then 1 else (new.size + 65535) / 65536 end end
    from upload u where u.id = new.upload_id
  ) where upload_id = new.upload_id and n = new.n and new.stored is null;
  insert into ledger_delta (what, bytes, objects)
  select 'parts', coalesce(stored, 0), 1 from upload_segment where upload_id = new.upload_id and n = new.n
  union all select 'staged', -new.size, 0;
end;
create trigger ledger_part_delete after delete on upload_segment begin
  insert into ledger_delta (what, bytes, objects)
  values ('parts', -coalesce(old.stored, 0), -1), ('staged', old.size, 0);
  update doomed set size = old.stored where key = old.key and size is null;
end;

create trigger ledger_early_insert after insert on upload_body begin
  update upload_body set size = (select u.received from upload u where u.id = new.upload_id)
  where upload_id = new.upload_id and new.size is null;
  insert into ledger_delta (what, bytes, objects)
  select 'early', length(bytes), 1 from upload_body where upload_id = new.upload_id
  union all select 'staged', -coalesce(size, 0), 0 from upload_body where upload_id = new.upload_id;
end;
create trigger ledger_early_update after update of bytes on upload_body begin
  update upload_body set size = (select u.received from upload u where u.id = new.upload_id)
  where upload_id = new.upload_id;
  insert into ledger_delta (what, bytes, objects)
  select 'early', length(new.bytes) - length(old.bytes), 0
  union all
  select 'staged', coalesce(old.size, 0) - coalesce(size, 0), 0 from upload_body where upload_id = new.upload_id;
end;
create trigger ledger_early_delete after delete on upload_body begin
  insert into ledger_delta (what, bytes, objects)
  values ('early', -length(old.bytes), -1), ('staged', coalesce(old.size, 0), 0);
end;

update segment set stored = (
  select segment.size + case when c.wrapped_key is null then 0 else 16 * case when segment.size = 0 then 1 else (segment.size + 65535) / 65536 end end from content c where c.id = segment.content_id
);
update upload_segment set stored = (
  select upload_segment.size + case when u.wrapped_key is null then 0 else 16 * case when upload_segment.size = 0 then 1 else (upload_segment.size + 65535) / 65536 end end from upload u where u.id = upload_segment.upload_id
);
update upload_body set size = (select u.received from upload u where u.id = upload_body.upload_id);
insert into ledger (what, bytes, objects)
  select 'objects', coalesce(sum(bytes), 0), count(*) from (
    select c.size + case when c.wrapped_key is null then 0 else 16 * case when c.size = 0 then 1 else (c.size + 65535) / 65536 end end as bytes from content c where c.key is not null
    union all select stored from segment
  ) as stored
  union all select 'inline', coalesce(sum(length(bytes)), 0), count(*) from body
  union all select 'doomed', 0, count(*) from doomed
  union all select 'parts', coalesce(sum(stored), 0), count(*) from upload_segment
  union all select 'early', coalesce(sum(length(bytes)), 0), count(*) from upload_body
  union all select 'staged', coalesce(sum(bytes), 0), 0 from (
    select case when received > 0 then received else 0 end as bytes from upload
    union all select -size from upload_segment
    union all select -size from upload_body
  ) as staged;

-- What paths use, counted by one walk over everything, as of its beginning. path: a repository, or a namespace and then
-- it ends with '/' ('/': everything). logical: each content once for each repository; live, history, pending: once,
-- in clear; ..._stored: as they lie there. exclusive: what only this repository keeps. share: its fair part, only of
-- the first segment of names.
create table storage_figure (
  walk integer not null,
  path text not null,
  repositories integer not null,
  logical integer not null,
  live integer not null,
  history integer not null,
  pending integer not null,
  live_stored integer not null,
  history_stored integer not null,
  pending_stored integer not null,
  exclusive integer not null,
  share integer not null,
  primary key (walk, path)
) strict, without rowid;
create table storage_walk (
  walk integer primary key,
  began_at integer not null,
  ended_at integer,
  orphaned integer not null
) strict, without rowid;

-- Namespaces one after the other, each with all that is below it: '!' sorts before whatever names are made of.
create index repository_tree on repository (replace(path, '/', '!'));
create index usage_delta_path on usage_delta (path);
create index content_damaged on content (id) where state = 1;

-- The quotas that are so nearly used up that it was said; forgotten when there is room again.
create table quota_warning (
  path text not null,
  what text not null,
  at integer not null,
  primary key (path, what)
) strict, without rowid;

-- The round of the scrub: where it is, and what it has seen. Times are 0 before the first.
create table scrub (
  id integer primary key check (id = 1),
  round integer not null,
  began_at integer not null,
  ended_at integer,
  after integer not null,
  done integer not null,
  total integer not null,
  damaged integer not null
) strict;
-- Content whose object was not there when the scrub looked; it looks again later before it believes that.
create table scrub_suspect (
  content_id integer primary key,
  at integer not null
) strict;
insert into scrub (id, round, began_at, ended_at, after, done, total, damaged) values (1, 0, 0, 0, 0, 0, 0, 0);
