-- What jobs say while they run, and pulls and pushes of namespaces by day. Expand only.

-- Lines of a job's runs: the last ones of it. seq: the run's fence, then the line's place in the run.
create table job_line (
  job_id integer not null,
  seq integer not null,
  at integer not null,
  text text not null,
  primary key (job_id, seq)
) strict, without rowid;

-- Traffic of namespaces by day, of the last weeks. path: 'team/', '/' for everything. class: as in `insight`.
create table insight_traffic (
  path text not null,
  day integer not null,
  class integer not null,
  pulls integer not null,
  pushes integer not null,
  primary key (path, day, class)
) strict, without rowid;
create index insight_traffic_age on insight_traffic (day);
