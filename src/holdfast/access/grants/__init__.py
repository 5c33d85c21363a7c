"""Who was given what: grants and denies, custom roles, local groups, and what is open to everyone."""
