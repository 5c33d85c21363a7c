-- Encryption at rest: the data key of an upload while it goes on, and when each key was made.

-- Bound to the upload's id; content.wrapped_key, bound to the digest, takes its place in the finalising unit.
alter table upload add column wrapped_key blob;

-- Microseconds since the epoch; null for keys of a program that knew only 0001.
alter table secret add column made_at integer;
