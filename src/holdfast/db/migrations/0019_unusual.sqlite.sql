-- Unusual access: what is known of each subject and place, alerts, canaries; keys that may be suspended. Expand only.

-- What a subject usually does, as holdfast.unusual.profile writes it. crowd: 1 for a subject that stands for whoever
-- comes from a network without a name.
create table unusual_profile (
  subject text primary key,
  crowd integer not null,
  data blob not null,
  seen_at integer not null
) strict, without rowid;
create index unusual_profile_seen on unusual_profile (crowd, seen_at);

-- Who was at a place (a network, a repository, a client) lately, for all subjects together.
create table unusual_place (
  kind text not null,
  name text not null,
  data blob not null,
  seen_at integer not null,
  primary key (kind, name)
) strict, without rowid;
create index unusual_place_seen on unusual_place (seen_at);

-- state: 0 open, 1 acknowledged, 2 expected. findings: JSON. also: JSON, further subjects of the same cause.
create table unusual_alert (
  id integer primary key autoincrement,
  path text not null,
  subject text not null,
  credential text not null,
  network text not null,
  cause text not null,
  state integer not null default 0,
  score integer not null,
  began_at integer not null,
  last_at integer not null,
  times integer not null,
  findings text not null,
  also text not null,
  action text not null default '',
  closed_at integer,
  closed_by text,
  note text not null default ''
) strict;
create index unusual_alert_subject on unusual_alert (subject, state, last_at);
create index unusual_alert_network on unusual_alert (network, state, last_at);
create index unusual_alert_last on unusual_alert (last_at);

-- A repository (path), or a key (key_id) of somebody in the namespace path, that nobody has reason to touch.
create table canary (
  id integer primary key autoincrement,
  path text not null,
  key_id integer not null default 0,
  label text not null,
  made_at integer not null,
  made_by text not null,
  unique (path, key_id)
) strict;
create index canary_keys on canary (key_id);

alter table api_key add column suspended_at integer;
alter table api_key add column suspended_by text;
alter table api_key add column suspended_why text;
-- Until then it may make few requests a minute.
alter table api_key add column slowed_until integer;
