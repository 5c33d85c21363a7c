"""The pages for people: so far sign-in, its call-back, and one's own keys and sessions."""
