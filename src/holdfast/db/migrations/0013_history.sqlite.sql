-- Reading history by time, who made it, and what was deleted. Expand only.

-- The events of a repository since an instant, and newest first.
create index tag_event_at on tag_event (repo_id, at, name);
-- The tags that ended, newest first.
create index tag_event_end on tag_event (repo_id, at, name) where now_id is null;
-- Who took a place in the history of a repository.
create index journal_seq on journal (repo_id, seq) where seq > 0;
-- The tombstones of a repository, newest first.
create index link_gone on link (repo_id, gone_at, content_id) where gone_at is not null;
