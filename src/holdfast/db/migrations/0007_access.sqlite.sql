-- Who may do what: subjects, their secrets, grants, federation, sign-in, use, and the seals of the journal.
-- An older program goes on beside this one and lets in whoever it knows: so the verifiers of new passwords stand in
-- `verifier`, which it does not read, and `password` is left to the accounts that it made.

-- everyone: the policy version at which something changed that may touch any subject (roles, visibility, grants to
-- anonymous).
alter table policy add column everyone integer not null default 0;

-- kind: 0 person, 1 robot (its name is NAMESPACE+NAME). gone_at: deleted, its name stays taken. provider: where a person
-- signs in (null: here), with the provider's own name for the person in provider_subject.
-- groups_note: how the provider's groups came last.
alter table account add column verifier text;
alter table account add column namespace text;
alter table account add column description text;
alter table account add column provider integer;
alter table account add column provider_subject text;
alter table account add column display text;
alter table account add column groups_note text;
alter table account add column signed_in_at integer;
alter table account add column expires_at integer;
alter table account add column gone_at integer;
alter table account add column made_by text;
create unique index account_provider on account (provider, provider_subject) where provider is not null;
create index account_namespace on account (namespace, name) where namespace is not null;
create index account_folded on account (lower(name));

-- A provider's groups are called PROVIDER/NAME; provider null: a local one.
create table user_group (
  id integer primary key autoincrement,
  name text not null unique,
  provider integer,
  description text,
  made_at integer not null,
  made_by text not null,
  gone_at integer,
  changed integer not null
) strict;

create table membership (
  group_id integer not null references user_group (id),
  account_id integer not null references account (id),
  primary key (group_id, account_id)
) strict, without rowid;
create index membership_account on membership (account_id);

-- Custom roles; the built-in ones are the program's. actions: JSON list.
create table role (
  id integer primary key autoincrement,
  name text not null unique,
  actions text not null,
  description text,
  made_at integer not null,
  made_by text not null,
  changed integer not null
) strict;

-- effect: 0 allow (role), 1 deny (actions, a JSON list). subject_kind: 0 anonymous (id 0: everyone), 1 account, 2 group.
-- home: the longest literal prefix of the repository glob, '' none. conditions: JSON, null none. made_over: how far up
-- its maker managed access then, '' an administrator's.
create table access_grant (
  id integer primary key autoincrement,
  effect integer not null,
  subject_kind integer not null,
  subject_id integer not null,
  role text,
  actions text,
  repository text not null,
  tag text,
  conditions text,
  home text not null,
  expires_at integer,
  note text,
  made_at integer not null,
  made_by text not null,
  made_over text not null default ''
) strict;
create index access_grant_subject on access_grant (subject_kind, subject_id);
create index access_grant_home on access_grant (home, id);
create index access_grant_role on access_grant (role) where role is not null;

-- A key of an account. limits: JSON list of what it may at most, null: all that its owner may.
create table api_key (
  id integer primary key autoincrement,
  account_id integer not null references account (id),
  name text not null,
  limits text,
  made_at integer not null,
  made_by text not null,
  expires_at integer,
  gone_at integer
) strict;
create index api_key_account on api_key (account_id, id);
create unique index api_key_name on api_key (account_id, name) where gone_at is null;

-- The secrets of a key, two live ones at most. hash: keyed hash of the secret. changed: the policy version of its end.
create table api_secret (
  id integer primary key autoincrement,
  key_id integer not null references api_key (id),
  hash blob not null unique,
  hint text not null,
  made_at integer not null,
  expires_at integer,
  gone_at integer,
  used_at integer,
  used_from text,
  used_agent text,
  changed integer not null
) strict;
create index api_secret_parent on api_secret (key_id, id);

-- Keys that sign tokens and checkpoints (use: token, audit). public: JWK as JSON. Signs from signs_from until the next
-- one does; is shown and believed until ends_at.
create table signing_key (
  id integer primary key autoincrement,
  kid text not null unique,
  purpose text not null,
  public text not null,
  wrapped blob not null,
  made_at integer not null,
  signs_from integer not null,
  ends_at integer
) strict;

-- Refresh tokens: what docker keeps as an identity token, and what `holdfast login` keeps. secret_id, rule_id: the
-- credential that it was given for (null: a password or a sign-in). proof: which password it was given for.
create table refresh_token (
  id integer primary key autoincrement,
  account_id integer not null references account (id),
  secret_id integer,
  proof text,
  hash blob not null unique,
  service text not null,
  client text not null,
  made_at integer not null,
  expires_at integer not null,
  gone_at integer,
  used_at integer,
  used_from text,
  used_agent text,
  changed integer not null
) strict;
create index refresh_token_account on refresh_token (account_id, id);

-- Issuers of machines' tokens, by a local name. iss: what the token says. jwks: pinned keys (JSON), null: discovered at
-- `discovery`. cached: the keys found there last, with cached_at.
create table issuer (
  id integer primary key autoincrement,
  name text not null,
  iss text not null,
  discovery text,
  jwks text,
  audience text not null,
  preset text,
  cached text,
  cached_at integer,
  made_at integer not null,
  made_by text not null,
  gone_at integer,
  changed integer not null
) strict;
create unique index issuer_name on issuer (name) where gone_at is null;
create index issuer_iss on issuer (iss);

-- Which tokens of an issuer are which robot. claims: JSON of claim -> exact value or anchored glob.
create table federation_rule (
  id integer primary key autoincrement,
  namespace text not null,
  name text not null,
  issuer_id integer not null references issuer (id),
  robot_id integer not null references account (id),
  claims text not null,
  made_at integer not null,
  made_by text not null,
  gone_at integer,
  used_at integer,
  changed integer not null
) strict;
create unique index federation_rule_name on federation_rule (namespace, name) where gone_at is null;
create index federation_rule_namespace on federation_rule (namespace, id);
create index federation_rule_issuer on federation_rule (issuer_id);
create index federation_rule_robot on federation_rule (robot_id);

-- OpenID Connect providers that people sign in with. secret: the client secret, wrapped. creates: 1 when a first
-- sign-in makes an account.
create table identity_provider (
  id integer primary key autoincrement,
  name text not null unique,
  issuer text not null,
  client_id text not null,
  secret blob,
  scopes text not null,
  groups_claim text,
  name_claim text not null,
  title text,
  creates integer not null,
  made_at integer not null,
  made_by text not null,
  gone_at integer,
  changed integer not null
) strict;

-- The provider's own refresh token of a person, wrapped (null: it gave none), by which keys are re-checked.
-- checked_at: when it last knew the person. asked_at: when it was last asked, so that one process asks at a time.
-- failed_at: since when it could not be asked. refused_at: it knows the person no more, until the next sign-in.
create table provider_session (
  account_id integer primary key references account (id),
  wrapped blob,
  checked_at integer not null,
  asked_at integer,
  failed_at integer,
  refused_at integer
) strict;

-- Browser sessions, by the keyed hash of their cookie, and call-backs that were used (account_id null), so that none
-- is used twice. method: password, or the name of the provider.
create table web_session (
  hash blob primary key,
  account_id integer references account (id),
  method text not null,
  made_at integer not null,
  seen_at integer not null,
  expires_at integer not null,
  address text,
  agent text
) strict, without rowid;
create index web_session_account on web_session (account_id);
create index web_session_expires on web_session (expires_at);

-- Use of rights, in aggregates. key: hash of every field before `count`.
create table access_use (
  key blob primary key,
  day integer not null,
  subject text not null,
  groups text not null,
  credential text not null,
  claims text not null,
  network text not null,
  agent text not null,
  action text not null,
  repository text not null,
  reference text not null,
  allowed integer not null,
  count integer not null,
  first_at integer not null,
  last_at integer not null
) strict, without rowid;
create index access_use_day on access_use (day, key);
create index access_use_repository on access_use (repository, reference, day);

-- What the aggregates of a day hold, and the use that found no room in them.
create table access_use_overflow (
  day integer primary key,
  allowed_rows integer not null,
  denied_rows integer not null,
  count integer not null
) strict;

-- origin: JSON of credential, address and agent, null for what no request did. path: the repository or namespace that a
-- change belongs to, '' for the installation as a whole; null until the row is sealed where the repository tells it.
alter table journal add column origin text;
alter table journal add column path text;
create index journal_unsealed on journal (id) where pos is null;
create index journal_at on journal (at, id);
create index journal_actor on journal (actor, pos) where pos is not null;
create index journal_path on journal (path, pos) where pos is not null;
create index journal_request on journal (request, pos) where pos is not null;

-- One row, which whoever seals the journal locks.
create table audit_seal (
  id integer primary key check (id = 1),
  sealed_at integer not null
) strict;
insert into audit_seal (id, sealed_at) values (1, 0);

-- The chain over the journal: each segment holds the hash of its rows and of the segment before. archived_at: its rows
-- were written elsewhere and dropped here.
create table audit_segment (
  n integer primary key,
  first_pos integer not null,
  last_pos integer not null,
  rows_hash blob not null,
  hash blob not null,
  sealed_at integer not null,
  archived_at integer
) strict;
create unique index audit_segment_pos on audit_segment (first_pos);

-- Signed heads of the chain.
create table audit_checkpoint (
  n integer primary key,
  text text not null,
  signature blob not null,
  kid text not null,
  made_at integer not null
) strict;

-- Until now whoever had an account might do everything.
insert into access_grant (effect, subject_kind, subject_id, role, repository, home, note, made_at, made_by)
select 0, 1, id, 'administrator', '**', '', 'had an account before there were grants', made_at, 'migration'
from account order by id;

-- With the name in it: which tags of a range are on some content is asked wherever rights depend on tags.
drop index tag_content;
create index tag_content on tag (repo_id, content_id, name);
