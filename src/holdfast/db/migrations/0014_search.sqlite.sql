-- Search: tags by their names, manifests in the order in which they were put, and what is said of them. Expand only.

create index tag_name on tag (name, repo_id);
create index link_put on link (put_at, repo_id, content_id) where kind > 0;
drop index link_content;
create index link_content on link (content_id, repo_id);

-- What the names of repositories end with: `pay/app` and `app` for `team/pay/app`. What is found is looked at again.
create table search_name (
  suffix text not null,
  repo_id integer not null references repository (id) on delete cascade,
  primary key (suffix, repo_id)
) strict, without rowid;
create index search_name_repository on search_name (repo_id);

-- What manifests say: field is label (of the image), annotation or type; term is folded, said as it was written.
create table search_term (
  field text not null,
  term text not null,
  repo_id integer not null,
  content_id integer not null,
  said text not null,
  primary key (field, term, repo_id, content_id),
  foreign key (repo_id, content_id) references link (repo_id, content_id) on delete cascade
) strict, without rowid;
create index search_term_link on search_term (repo_id, content_id);
create index search_term_repository on search_term (repo_id, field, term, content_id);

-- One row: up to which repository and which manifest the two tables are filled.
create table search_filled (
  id integer primary key check (id = 1),
  named integer not null,
  put_at integer not null,
  repo_id integer not null,
  content_id integer not null
) strict;
insert into search_filled (id, named, put_at, repo_id, content_id) values (1, 0, 0, 0, 0);
