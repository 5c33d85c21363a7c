"""`holdfast metrics`: the dashboard and the alert rules that come with this program."""

from pathlib import Path

import click

_FILES = Path(__file__).with_name("monitoring")
DASHBOARD, RULES = _FILES / "dashboard.json", _FILES / "rules.yml"


@click.group()
def metrics() -> None:
    """What Grafana and Prometheus need to show this registry, and to tell when something is wrong."""


@metrics.command(
    epilog="\b\nExamples:\n  holdfast metrics dashboard > holdfast.json   then, in Grafana: Import dashboard\n"
)
def dashboard() -> None:
    """Print the dashboard for Grafana, as JSON."""
    click.echo(DASHBOARD.read_text(encoding="utf-8"), nl=False)


@metrics.command(
    epilog="\b\nExamples:\n"
    "  holdfast metrics rules > /etc/prometheus/holdfast.rules.yml   then name the file in prometheus.yml\n"
)
def rules() -> None:
    """Print the alert rules for Prometheus."""
    click.echo(RULES.read_text(encoding="utf-8"), nl=False)
