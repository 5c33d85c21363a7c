-- A repository is in every list from its making on, also while the sums above it are late. Expand only.

-- Its own row of the sums: with a trigger, so that neither a use-case nor an older program beside this one forgets it.
create trigger repository_listed after insert on repository begin
  insert into usage (path, bytes, repositories, tags) values (new.path, 0, 0, 0) on conflict (path) do nothing;
end;
insert into usage (path, bytes, repositories, tags)
select path, 0, 0, 0 from repository where gone_at is null on conflict (path) do nothing;

-- What was made and is not in the sums yet, the newest first.
create index usage_delta_made on usage_delta (repositories, id) where repositories = 1;
