-- Changes of several are listed: those of an account; those of a path are found from the newest on. Expand only.
create index tag_change_account on tag_change (account, id);
