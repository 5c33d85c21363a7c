-- Durable background work: the queue, its history, and the schedules. Expand only.

-- state: 0 waiting, 1 running, 2 done, 3 failed, 4 cancelled. priority: 0 first.
-- fence: the number of the run, one more at each claim; a run whose number is another one writes nothing.
-- attempts: runs that count (all but those that an outage or a stop gave back); deferrals: outages in a row.
-- merged: how often an equal dedupe key was enqueued while this one waited.
-- progress_from, progress_since: where and when this run began to count, for the rate.
create table job (
  id integer primary key autoincrement,
  kind text not null,
  data text not null,
  dedupe text,
  priority integer not null,
  state integer not null default 0,
  run_at integer not null,
  made_at integer not null,
  started_at integer,
  ended_at integer,
  attempts integer not null default 0,
  attempts_max integer not null,
  deferrals integer not null default 0,
  merged integer not null default 0,
  fence integer not null default 0,
  worker text,
  lease_until integer,
  cancel_at integer,
  checkpoint text,
  progress_done integer,
  progress_total integer,
  progress_from integer,
  progress_since integer,
  progress_at integer,
  error text
) strict;
create index job_due on job (priority, run_at, id) where state = 0;
create index job_leased on job (state, lease_until) where state = 1;
create unique index job_waiting_once on job (dedupe) where state = 0 and dedupe is not null;
create unique index job_running_once on job (dedupe) where state = 1 and dedupe is not null;
create index job_ended on job (ended_at, id) where state >= 2;
create index job_state on job (state, id);

-- The next time of each schedule; what it enqueues is the program's.
create table schedule (
  name text primary key,
  cron text not null,
  next_at integer not null
) strict, without rowid;
