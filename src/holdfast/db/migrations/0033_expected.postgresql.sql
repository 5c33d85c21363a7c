-- What the planner expects of one repository it knows nothing else of: not the average, which is a few rows where very
-- many are small, but a part of the table worth looking up row by row. Else the plan that serves any repository reads all
-- rows of the largest one. It holds from an ANALYZE of each table on. Expand only.

alter table candidate alter column repo_id set (n_distinct = 200);
alter table edge alter column repo_id set (n_distinct = 200);
alter table journal alter column repo_id set (n_distinct = 200);
alter table lease alter column repo_id set (n_distinct = 200);
alter table link alter column repo_id set (n_distinct = 200);
alter table tag alter column repo_id set (n_distinct = 200);
alter table tag_event alter column repo_id set (n_distinct = 200);

analyze candidate, edge, journal, lease, link, tag, tag_event;
