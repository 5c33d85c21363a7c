-- Namespaces that somebody made or described stand in the tree before anything is in them. Expand only.

with recursive up (path) as (
  select path from namespace where path <> '' and path = replace(path, '@', '')
  union
  select rtrim(rtrim(path, replace(path, '/', '')), '/') from up where path <> replace(path, '/', '')
)
insert into usage (path, bytes, repositories, tags)
select path || '/', 0, 0, 0 from up where path <> '' on conflict (path) do nothing;

-- The last part of a path, and where it stands: which namespaces have something of this name right below them.
create index usage_last on usage (substr(path, length(parent) + 1), parent);
