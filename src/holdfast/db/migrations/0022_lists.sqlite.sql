-- Lists that people look at: what tags, repositories and namespaces are sorted by. Expand only.
-- Triggers keep it, so that neither a use-case nor an older program beside this one can forget to.

-- total: bytes of all its parts, each once. platforms: what it is for, each between spaces. Null until a job has looked
-- (registry/browsing), as where a part is still awaited.
alter table link add column total integer;
alter table link add column platforms text;
-- size: the total of what it points to, -1: not known yet. pulled_at: the last pull by its name, or by the digest of what
-- it points to or of a part of that; 0: none.
alter table tag add column size integer not null default -1;
alter table tag add column pulled_at integer not null default 0;
-- Every sort ends with the name. The place of its last event is in the order of time.
create index tag_pushed on tag (repo_id, seq, name);
create index tag_size on tag (repo_id, size, name);
create index tag_pulled on tag (repo_id, pulled_at, name);
create index tag_unsized on tag (repo_id, name) where size < 0;

create trigger tag_listed after insert on tag
when exists (
  select 1 from link l where l.repo_id = new.repo_id and l.content_id = new.content_id and l.total is not null
) or exists (
  select 1 from content_use u where u.repo_id = new.repo_id and u.content_id = new.content_id
) begin
  update tag set
    size = coalesce((
      select l.total from link l where l.repo_id = new.repo_id and l.content_id = new.content_id), -1),
    pulled_at = coalesce((
      select u.last_at from content_use u where u.repo_id = new.repo_id and u.content_id = new.content_id), 0)
  where repo_id = new.repo_id and name = new.name;
end;
create trigger tag_moved after update of content_id on tag when old.content_id <> new.content_id begin
  update tag set
    size = coalesce((
      select l.total from link l where l.repo_id = new.repo_id and l.content_id = new.content_id), -1),
    pulled_at = max(pulled_at, coalesce((
      select u.last_at from content_use u where u.repo_id = new.repo_id and u.content_id = new.content_id), 0))
  where repo_id = new.repo_id and name = new.name;
end;
-- A part that was awaited has come: what lists it is another size.
create trigger link_came after update of gone_at on link
when old.gone_at is not null and new.gone_at is null and new.kind > 0 begin
  update tag set size = -1 where repo_id = new.repo_id and content_id in (
    select e.keeper_id from edge e where e.repo_id = new.repo_id and e.kept_id = new.content_id
      and e.keeper_id <> coalesce(new.subject, 0)
  );
  update link set total = null where repo_id = new.repo_id and content_id in (
    select e.keeper_id from edge e where e.repo_id = new.repo_id and e.kept_id = new.content_id
      and e.keeper_id <> coalesce(new.subject, 0)
  );
end;

-- Of a digest that very many tags have, the first thousand.
create trigger tag_use_made after insert on tag_use begin
  update tag set pulled_at = new.last_at
  where repo_id = new.repo_id and name = new.name and pulled_at < new.last_at;
end;
create trigger tag_use_moved after update of last_at on tag_use begin
  update tag set pulled_at = new.last_at
  where repo_id = new.repo_id and name = new.name and pulled_at < new.last_at;
end;
create trigger content_use_made after insert on content_use begin
  update repository set pulled_at = new.last_at where id = new.repo_id and pulled_at < new.last_at;
  update tag set pulled_at = new.last_at
  where repo_id = new.repo_id and pulled_at < new.last_at and name in (
    select t.name from tag t where t.repo_id = new.repo_id and t.content_id = new.content_id
    order by t.name limit 1000
  );
  update tag set pulled_at = new.last_at
  where repo_id = new.repo_id and pulled_at < new.last_at and name in (
    select t.name from edge e
    join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id and coalesce(l.subject, 0) <> e.keeper_id
    join tag t on t.repo_id = e.repo_id and t.content_id = e.keeper_id
    where e.repo_id = new.repo_id and e.kept_id = new.content_id limit 1000
  );
end;
create trigger content_use_moved after update of last_at on content_use begin
  update repository set pulled_at = new.last_at where id = new.repo_id and pulled_at < new.last_at;
  update tag set pulled_at = new.last_at
  where repo_id = new.repo_id and pulled_at < new.last_at and name in (
    select t.name from tag t where t.repo_id = new.repo_id and t.content_id = new.content_id
    order by t.name limit 1000
  );
  update tag set pulled_at = new.last_at
  where repo_id = new.repo_id and pulled_at < new.last_at and name in (
    select t.name from edge e
    join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id and coalesce(l.subject, 0) <> e.keeper_id
    join tag t on t.repo_id = e.repo_id and t.content_id = e.keeper_id
    where e.repo_id = new.repo_id and e.kept_id = new.content_id limit 1000
  );
end;

-- When a tag of it was put last, and when anything of it was pulled last; 0: never.
alter table repository add column pushed_at integer not null default 0;
alter table repository add column pulled_at integer not null default 0;
create index repository_pushed on repository (pushed_at, path) where gone_at is null;
create index repository_pulled on repository (pulled_at, path) where gone_at is null;
create trigger repository_pushed after insert on tag_event when new.now_id is not null begin
  update repository set pushed_at = new.at where id = new.repo_id and pushed_at < new.at;
end;

-- The namespace that a row of the sums is in ('': none), with its slash; rows of repositories end without one.
alter table usage add column parent text not null default '';
create trigger usage_placed after insert on usage begin
  update usage set parent = rtrim(rtrim(path, '/'), replace(rtrim(path, '/'), '/', '')) where path = new.path;
end;
create index usage_tree on usage (parent, path);
create index usage_bytes on usage (bytes, path) where path = rtrim(path, '/');
create index usage_tags on usage (tags, path) where path = rtrim(path, '/');
create index storage_figure_exclusive on storage_figure (walk, exclusive, path) where path = rtrim(path, '/');

-- What is there already.
update tag set pulled_at = u.last_at from tag_use u where u.repo_id = tag.repo_id and u.name = tag.name;
update tag set pulled_at = u.last_at from content_use u
where u.repo_id = tag.repo_id and u.content_id = tag.content_id and u.last_at > tag.pulled_at;
update tag set pulled_at = u.last_at from (
  select e.repo_id, e.keeper_id, max(c.last_at) as last_at
  from content_use c
  join edge e on e.repo_id = c.repo_id and e.kept_id = c.content_id
  join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id and coalesce(l.subject, 0) <> e.keeper_id
  group by e.repo_id, e.keeper_id
) as u
where u.repo_id = tag.repo_id and u.keeper_id = tag.content_id and u.last_at > tag.pulled_at;
update repository set pushed_at = coalesce((
  select e.at from tag_event e where e.repo_id = repository.id and e.now_id is not null
  order by e.at desc, e.name desc limit 1
), 0), pulled_at = coalesce((select max(u.last_at) from content_use u where u.repo_id = repository.id), 0);
update usage set parent = rtrim(rtrim(path, '/'), replace(rtrim(path, '/'), '/', ''));
