-- Who started a job (0: the installation itself), who may look at it, and what came out of it. Expand only.
alter table job add column account bigint not null default 0;
alter table job add column result text;
create index job_account on job (account, id) where account > 0;
