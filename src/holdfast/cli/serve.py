"""`holdfast serve`: the registry, in the foreground."""

import os
import shlex
import sys
from pathlib import Path

import click

from holdfast.app.config import Loaded, Settings
from holdfast.cli.settings_flags import settings_flags

_EXAMPLES = """\b
Examples:
  holdfast serve --data /srv/registry
      A registry on 127.0.0.1:5000. The first start makes the user `admin` and prints its password once.
\b
  holdfast serve --open
      Everyone on this machine may do everything: for trying out.
\b
  holdfast tls init registry.example.com
  holdfast serve --listen 0.0.0.0:443 --tls-cert tls/server.crt --tls-key tls/server.key \\
      --public-url https://registry.example.com
      For a network, with a private certificate.
\b
  holdfast serve --listen 10.0.0.5:5000 --public-url https://registry.example.com --trusted-proxies 10.0.0.2
      Behind a proxy that speaks TLS.
\b
Every flag is also a setting of the environment (--storage-reserve: HOLDFAST_STORAGE_RESERVE) and of a TOML
file (storage.reserve); `holdfast config` shows what is in force. Durations: 90s, 15m, 24h, 30d. Sizes: 16KiB, 2GiB.
"""

# After kill -9 the workers notice within moments, and hold the port until then.
_PATIENCE = 1.0


@click.command(epilog=_EXAMPLES)
@settings_flags()
def serve(loaded: Loaded) -> None:
    """Run the registry until it is told to stop (Ctrl-C or SIGTERM).

    Everything is kept under one directory, made when it is missing; no other program is needed.
    """
    from holdfast.app.doctor import obstacles
    from holdfast.app.doctor_host import raise_file_limit
    from holdfast.app.doctor_port import wait_for_predecessor

    settings = loaded.settings
    wait_for_predecessor(settings.listen, _PATIENCE)
    found = obstacles(settings)
    if found:
        click.echo("holdfast: cannot start", err=True)
        for each in found:
            click.echo(f"\n  {each.name}: {each.seen}\n    {each.advice}", err=True)
        if any(each.name == "port" for each in found):
            _suggest_port(settings)
        sys.exit(1)
    raise_file_limit()
    from holdfast.app.server import serve as run

    sys.exit(run(settings))


def _suggest_port(settings: Settings) -> None:
    """Print the same command with a port that is free."""
    from holdfast.app.config import Listen
    from holdfast.app.doctor_port import free_port_after

    port = free_port_after(settings.listen)
    if port is None:
        return
    if "MAKELEVEL" in os.environ:
        line = f"make run PORT={port}"
        line += "" if settings.data == Path.cwd() / "data" else f" DATA={shlex.quote(str(settings.data))}"
    else:
        listen = str(Listen(settings.listen.host, port))
        line = shlex.join(["holdfast", *_without_listen(sys.argv[1:]), "--listen", listen])
    click.echo(f"\nTo start on a free port:\n\n  {line}\n", err=True)


def _without_listen(words: list[str]) -> list[str]:
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--listen":
            next(rest, None)
        elif not word.startswith("--listen="):
            kept.append(word)
    return kept
