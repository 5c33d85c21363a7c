"""People who sign in with a browser: by OpenID Connect or a password; their sessions, and whether their keys hold."""
