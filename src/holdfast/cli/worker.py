"""`holdfast worker`: background work in a process of its own."""

import sys

import click

from holdfast.app.config import Loaded
from holdfast.cli.settings_flags import settings_flags

_SETTINGS = (
    "data",
    "database.url",
    "database.pool",
    "database.statement_timeout",
    "database.prepared",
    "storage.url",
    "storage.inline",
    "encryption.key_file",
    "encryption.content",
    "encryption.vault_url",
    "encryption.vault_key",
    "encryption.vault_token_file",
    "jobs.slots",
    "jobs.lease",
    "jobs.history",
    "lease",
    "window",
    "collect.grace",
    "uploads.expire",
    "stop_timeout",
    "metrics.worker_listen",
    "log.level",
    "log.format",
)

_EXAMPLES = """\b
Examples:
  holdfast worker --database postgresql://db/holdfast --storage s3://bucket --encryption-key-file holdfast.key
      Work for the nodes that serve from this database with --no-jobs. Start as many as you like.
\b
  holdfast worker --data /srv/registry
      Beside a `holdfast serve --no-jobs` on the same machine.
\b
  holdfast worker --jobs-slots 8 --jobs-lease 1m
      Eight jobs at once; when this process is killed, others take its jobs after a minute.
\b
`holdfast jobs list` shows what there is to do. Give a worker the settings that the servers have: one file for all of
them is the easiest (--config). A stop (Ctrl-C or SIGTERM) gives running jobs the time of --stop-timeout; what is not
done by then goes to another worker.
"""


@click.command(epilog=_EXAMPLES)
@settings_flags(*_SETTINGS)
def worker(loaded: Loaded) -> None:
    """Run background jobs until told to stop: sweeping, rotation of keys, and so on.

    `holdfast serve` has a worker of its own unless it was started with --no-jobs. Workers need no address and no
    port; they share the work by the database, and when one dies another one takes over.
    """
    from holdfast.app.worker import run

    sys.exit(run(loaded.settings))
