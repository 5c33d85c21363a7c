"""Invitations: a link that gives whoever is signed in and accepts it a grant in a namespace, for a while."""
