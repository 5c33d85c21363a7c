-- People who sign in here: forms that were sent, how somebody likes the pages, and second factors. Expand only.

-- What a form held that nobody may send twice, by its hash.
create table form_once (
  hash bytea primary key,
  at bigint not null
);
create index form_once_at on form_once (at);

-- theme: auto, light or dark. density: comfortable or compact. zone: an IANA name, '': that of the browser. keys: 1
-- where single keys are shortcuts.
create table profile (
  account_id bigint primary key references account (id),
  theme text collate "C" not null,
  density text collate "C" not null,
  zone text collate "C" not null,
  keys bigint not null
);

-- The second factor of an account (RFC 6238). wrapped: its secret, sealed. confirmed_at null: it is being set up and
-- not asked for. step: the last interval whose code was used. failures: wrong codes since the last right one.
create table second_factor (
  account_id bigint primary key references account (id),
  wrapped bytea not null,
  made_at bigint not null,
  confirmed_at bigint,
  step bigint not null default 0,
  failures bigint not null default 0,
  failed_at bigint not null default 0
);

-- What opens an account once when its second factor is lost, by keyed hash. used_at null: not used yet.
create table recovery_code (
  account_id bigint not null references account (id),
  hash bytea not null,
  used_at bigint,
  primary key (account_id, hash)
);
