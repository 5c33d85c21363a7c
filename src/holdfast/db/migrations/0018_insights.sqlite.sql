-- Insights: who pulls what, by day. Days are counted from 1970-01-01 (UTC), months from the year 0. Expand only.

-- Texts that rows name by number: tags, digests, agents, networks, subjects. last_day: when it was counted last.
create table insight_name (
  id integer primary key autoincrement,
  text text not null unique,
  last_day integer not null
) strict;
create index insight_name_day on insight_name (last_day);

-- What happened in a repository on a day, along one dimension (0 as a whole, 1 tag, 2 digest, 3 agent, 4 network,
-- 5 subject). name_id 0: as a whole, or the rare together. class: 0 person, 1 robot, 2 anonymous, 3 scanner, 4 mirror.
create table insight (
  repo_id integer not null,
  dim integer not null,
  day integer not null,
  name_id integer not null,
  class integer not null,
  pulls integer not null,
  indexes integer not null,
  checks integer not null,
  named integer not null,
  pushes integer not null,
  sent integer not null,
  received integer not null,
  primary key (repo_id, dim, day, name_id, class)
) strict, without rowid;
create index insight_day on insight (day, repo_id, dim, name_id, class);

-- Who pulled and pushed what. Each id names a text, 0: the rare together; tag_id 0: by digest.
create table insight_who (
  repo_id integer not null,
  day integer not null,
  subject_id integer not null,
  agent_id integer not null,
  network_id integer not null,
  class integer not null,
  digest_id integer not null,
  tag_id integer not null,
  pulls integer not null,
  pushes integer not null,
  first_at integer not null,
  last_at integer not null,
  primary key (repo_id, day, subject_id, agent_id, network_id, class, digest_id, tag_id)
) strict, without rowid;
create index insight_who_day on insight_who (day, repo_id);

-- How many rows a day of a repository has in a dimension (9: insight_who), so that there are never too many.
create table insight_room (
  repo_id integer not null,
  dim integer not null,
  day integer not null,
  used integer not null,
  primary key (repo_id, dim, day)
) strict, without rowid;
create index insight_room_day on insight_room (day);

-- Pulls of the last 30 days, of a repository (name '') and of each tag, ready for lists; pulls: without scanners and
-- mirrors, pulls_all: with them. last_at, last_all_at: the last one, 0 for none.
create table insight_recent (
  repo_id integer not null,
  name text not null,
  pulls integer not null,
  pulls_all integer not null,
  last_at integer not null,
  last_all_at integer not null,
  primary key (repo_id, name)
) strict, without rowid;
create index insight_recent_pulls on insight_recent (repo_id, pulls, name);
create index insight_recent_top on insight_recent (pulls, repo_id) where name = '';
create index insight_recent_last on insight_recent (last_all_at);

-- One row: up to which row of `insight` they are no more in insight_recent.
create table insight_aged (
  id integer primary key check (id = 1),
  day integer not null,
  repo_id integer not null,
  dim integer not null,
  name_id integer not null,
  class integer not null
) strict;

-- For what platform the image of a digest is; null until it was looked at, '' where it says none.
create table insight_platform (
  name_id integer primary key,
  repo_id integer not null,
  content_id integer not null,
  platform text
) strict;
create index insight_platform_waiting on insight_platform (name_id) where platform is null;

-- Traffic and storage of namespaces by month. path: 'team/', '/' for everything; parent: the one above, '' for none.
create table insight_month (
  path text not null,
  month integer not null,
  class integer not null,
  pulls integer not null,
  pushes integer not null,
  sent integer not null,
  received integer not null,
  primary key (path, month, class)
) strict, without rowid;
create index insight_month_age on insight_month (month);

-- stored: bytes when they were looked at last, on `day`; total and days: their sum over so many days.
create table insight_stored (
  path text not null,
  month integer not null,
  stored integer not null,
  total integer not null,
  days integer not null,
  day integer not null,
  primary key (path, month)
) strict, without rowid;
create index insight_stored_age on insight_stored (month);

-- Wherever a setting is said.
create index setting_name on setting (name, path);
