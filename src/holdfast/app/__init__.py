"""Composition: settings from files and environment, plain constructor calls, the server process."""
