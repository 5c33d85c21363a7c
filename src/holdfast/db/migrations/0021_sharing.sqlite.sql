-- Sharing: requests for access, and invitations to a namespace. Expand only.

-- state: 0 open, 1 approved, 2 declined, 3 withdrawn, 4 expired (an open one whose expires_at is past has, too).
-- tag: '' the repository as a whole. grant_id, given: the grant that was made, and what it gave.
create table access_request (
  id integer primary key autoincrement,
  account_id integer not null references account (id),
  action text not null,
  repository text not null,
  tag text not null,
  note text not null,
  made_at integer not null,
  expires_at integer not null,
  state integer not null,
  decided_at integer,
  decided_by text,
  reason text,
  grant_id integer,
  given text
) strict;
create index access_request_account on access_request (account_id, id);
create index access_request_repository on access_request (repository, id);
create index access_request_expires on access_request (expires_at);
create unique index access_request_open on access_request (account_id, repository, tag, action) where state = 0;

-- hash: keyed hash of the code. home: the namespace (the longest literal prefix of the repository glob). account_id: who
-- made it, and must still be able to give it. most: how often it may be accepted; uses: how often it was.
create table invitation (
  id integer primary key autoincrement,
  hash blob not null unique,
  hint text not null,
  account_id integer not null references account (id),
  role text not null,
  repository text not null,
  tag text,
  home text not null,
  grant_expires_at integer,
  note text not null,
  most integer not null,
  uses integer not null default 0,
  made_at integer not null,
  expires_at integer not null,
  gone_at integer,
  gone_by text
) strict;
create index invitation_home on invitation (home, id);
create index invitation_account on invitation (account_id, id);
create index invitation_expires on invitation (expires_at);

create table invitation_use (
  invitation_id integer not null references invitation (id),
  account_id integer not null references account (id),
  grant_id integer not null,
  used_at integer not null,
  primary key (invitation_id, account_id)
) strict, without rowid;
create index invitation_use_account on invitation_use (account_id);
