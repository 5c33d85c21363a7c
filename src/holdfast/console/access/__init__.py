"""The pages of who may do what: grants, robots and keys, federation, requests, invitations, and why."""
