-- People who sign in here: forms that were sent, how somebody likes the pages, and second factors. Expand only.

-- What a form held that nobody may send twice, by its hash.
create table form_once (
  hash blob primary key,
  at integer not null
) strict, without rowid;
create index form_once_at on form_once (at);

-- theme: auto, light or dark. density: comfortable or compact. zone: an IANA name, '': that of the browser. keys: 1
-- where single keys are shortcuts.
create table profile (
  account_id integer primary key references account (id),
  theme text not null,
  density text not null,
  zone text not null,
  keys integer not null
) strict;

-- The second factor of an account (RFC 6238). wrapped: its secret, sealed. confirmed_at null: it is being set up and
-- not asked for. step: the last interval whose code was used. failures: wrong codes since the last right one.
create table second_factor (
  account_id integer primary key references account (id),
  wrapped blob not null,
  made_at integer not null,
  confirmed_at integer,
  step integer not null default 0,
  failures integer not null default 0,
  failed_at integer not null default 0
) strict;

-- What opens an account once when its second factor is lost, by keyed hash. used_at null: not used yet.
create table recovery_code (
  account_id integer not null references account (id),
  hash blob not null,
  used_at integer,
  primary key (account_id, hash)
) strict, without rowid;
