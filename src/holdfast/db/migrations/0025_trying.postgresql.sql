-- Rules that are tried before they hold. Expand only.

-- The rules that a plan was made with, as JSON; null: those that held. A plan with rules of its own is never applied.
alter table retention_plan add column tried text;
