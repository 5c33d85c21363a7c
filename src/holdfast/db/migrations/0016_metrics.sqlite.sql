-- What a scrape asks for: the newest backup, and the namespaces that use most. Expand only.
create index journal_backup on journal (at) where kind = 'backup.made';
create index usage_first on usage (bytes) where path = replace(path, '/', '') || '/';
