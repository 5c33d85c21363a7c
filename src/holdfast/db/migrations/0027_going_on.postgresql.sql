-- What jobs say while they run, and pulls and pushes of namespaces by day. Expand only.

-- Lines of a job's runs: the last ones of it. seq: the run's fence, then the line's place in the run.
create table job_line (
  job_id bigint not null,
  seq bigint not null,
  at bigint not null,
  text text not null,
  primary key (job_id, seq)
);

-- Traffic of namespaces by day, of the last weeks. path: 'team/', '/' for everything. class: as in `insight`.
create table insight_traffic (
  path text collate "C" not null,
  day bigint not null,
  class bigint not null,
  pulls bigint not null,
  pushes bigint not null,
  primary key (path, day, class)
);
create index insight_traffic_age on insight_traffic (day);
