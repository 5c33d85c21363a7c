-- Several tags under other names, and several repositories at once. Expand only.

-- tag_change.kind: also retag; of repositories public, private or delete-repository: then path is the namespace ('':
-- everything), repo_id and seq are 0, and the items are repositories. was: the id of the repository and its place in its
-- history when it was looked at, as in 12.345; now: the id of the repository that was deleted; before: what was said of
-- its visibility there, '' nothing.
-- renamed: the name that a tag gets, null its own.
alter table tag_change_item add column renamed text collate "C";
