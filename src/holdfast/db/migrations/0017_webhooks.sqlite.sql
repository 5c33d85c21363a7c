-- Webhooks: who is told of which events, what is to be delivered to them, and every attempt. Expand only.

-- url, headers and secrets are sealed; target: the host, for people. state: 0 enabled, 1 disabled (why), 2 deleted.
-- changed: moves with whatever the deliverer must take notice of. failing_since: the circuit is open.
create table webhook (
  id integer primary key autoincrement,
  path text not null,
  name text not null,
  target text not null,
  shape text not null,
  filter text not null,
  sights integer not null,
  sealed blob not null,
  old_until integer,
  signed integer not null,
  template text,
  content_type text not null,
  concurrency integer not null,
  state integer not null default 0,
  why text not null default '',
  changed integer not null default 0,
  failing_since integer,
  probe_at integer,
  probes integer not null default 0,
  paused_until integer,
  made_at integer not null,
  made_by text not null,
  unique (path, name)
) strict;

-- pos: the place of the event in the journal; of a try by hand its time. state: 0 waiting, 1 delivered, 2 given up,
-- 3 skipped: its shape has no word for it. part: so many of the bodies of the event were taken.
create table webhook_delivery (
  webhook_id integer not null,
  pos integer not null,
  kind text not null,
  path text not null,
  state integer not null default 0,
  part integer not null default 0,
  attempts integer not null default 0,
  made_at integer not null,
  due_at integer not null,
  until_at integer not null,
  ended_at integer,
  primary key (webhook_id, pos)
) strict, without rowid;
create index webhook_delivery_waiting on webhook_delivery (webhook_id, pos) where state = 0;
create index webhook_delivery_lane on webhook_delivery (webhook_id, path, pos) where state = 0;
create index webhook_delivery_given_up on webhook_delivery (webhook_id, pos) where state = 2;

-- request, answer: headers as JSON, without secrets; body: the first bytes of the answer. status null: no answer.
create table webhook_attempt (
  webhook_id integer not null,
  pos integer not null,
  n integer not null,
  at integer not null,
  ms integer not null,
  part integer not null,
  status integer,
  error text not null,
  request text not null,
  answer text not null,
  body text not null,
  primary key (webhook_id, pos, n)
) strict, without rowid;
