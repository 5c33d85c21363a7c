-- Search: tags by their names, manifests in the order in which they were put, and what is said of them. Expand only.

create index tag_name on tag (name, repo_id);
create index link_put on link (put_at, repo_id, content_id) where kind > 0;
drop index link_content;
create index link_content on link (content_id, repo_id);

-- What the names of repositories end with: `pay/app` and `app` for `team/pay/app`. What is found is looked at again.
create table search_name (
  suffix text collate "C" not null,
  repo_id bigint not null references repository (id) on delete cascade,
  primary key (suffix, repo_id)
);
create index search_name_repository on search_name (repo_id);

-- What manifests say: field is label (of the image), annotation or type; term is folded, said as it was written.
create table search_term (
  field text collate "C" not null,
  term text collate "C" not null,
  repo_id bigint not null,
  content_id bigint not null,
  said text collate "C" not null,
  primary key (field, term, repo_id, content_id),
  foreign key (repo_id, content_id) references link (repo_id, content_id) on delete cascade
);
create index search_term_link on search_term (repo_id, content_id);
create index search_term_repository on search_term (repo_id, field, term, content_id);

-- One row: up to which repository and which manifest the two tables are filled.
create table search_filled (
  id bigint primary key check (id = 1),
  named bigint not null,
  put_at bigint not null,
  repo_id bigint not null,
  content_id bigint not null
);
insert into search_filled (id, named, put_at, repo_id, content_id) values (1, 0, 0, 0, 0);
