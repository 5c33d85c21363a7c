"""Who may do what, and why: subjects, credentials and the permits that every use-case takes."""
