"""What can go wrong with a request to another host, by meaning."""

from __future__ import annotations


class UrlRefused(ValueError):
    """The URL is none, or leads where the program does not go; the text says why, to whoever stored it."""


class Unreachable(Exception):
    """No answer: no such name, no connection, no trust in the certificate, too late. The text says which."""


class BadAnswer(Exception):
    """An answer that is not taken: a redirect, too long, encoded, not what was asked for. The text says which."""
