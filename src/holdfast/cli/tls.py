"""`holdfast tls`: a private certificate, and what each client needs to trust it."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

_EXAMPLES = """\b
Examples:
  holdfast tls init registry.example.com 192.0.2.10
      Makes ./tls with ca.crt, ca.key, server.crt and server.key, and prints the line that makes docker,
      Docker Desktop, containerd, podman and the system trust it.
\b
  holdfast tls init registry.example.com --out /etc/holdfast/tls --port 443
      Again, later: a fresh server certificate by the same authority; clients go on trusting it.
"""


@click.group()
def tls() -> None:
    """Certificates for networks without a public authority."""


@tls.command(epilog=_EXAMPLES)
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@click.option("--out", default="tls", metavar="DIR", show_default=True, help="Where the files go.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535), help="For the printed lines.")
@click.option("--new-ca", is_flag=True, help="Replace an authority that is there: every client must then trust anew.")
def init(hosts: tuple[str, ...], out: str, port: int, new_ca: bool) -> None:
    """Make a private authority and a server certificate for every HOST (names and IP addresses).

    An authority that is in DIR already is used again. Keep ca.key to yourself: who has it can be any host.
    """
    from holdfast.app.tls import TlsError, issue, parse_hosts
    from holdfast.app.tls_trust import serve_line, trust_lines

    try:
        names = parse_hosts(hosts)
        issued = issue(names, Path(out), datetime.now(UTC), replace_authority=new_ca)
    except TlsError as error:
        click.echo(f"holdfast: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"holdfast: {error.filename or out} cannot be written: {error.strerror}", err=True)
        sys.exit(1)
    made = "new" if issued.authority_made else "kept: clients that trust it need nothing new"
    click.echo(f"authority    {issued.authority} ({made})\n             SHA-256 {issued.fingerprint}")
    click.echo(f"certificate  {issued.certificate} for {', '.join(names)}, until {issued.expires:%Y-%m-%d}")
    click.echo(f"private keys {issued.authority_key} and {issued.key}: readable by you alone, keep them so\n")
    click.echo(trust_lines(names, port, issued.authority) + "\n")
    click.echo(f"Then serve with it:\n\n  {serve_line(names, port, issued.certificate, issued.key)}")
