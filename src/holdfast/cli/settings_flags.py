"""One flag for each setting, made from the table of settings, so that flags, files and environment never differ.

A verb decorated with `settings_flags` gets the sound settings as its first argument, or the process ends with status
2 and the whole list of what is wrong on standard error.
"""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from holdfast.app.config import ConfigError, Loaded, Option, load, options

P = ParamSpec("P")
R = TypeVar("R")

_PREFIX = "setting_"
DATABASE_FLAGS = ("data", "database.url", "database.prepared")
"""The settings that say where the database is, for verbs that open it themselves."""


def settings_flags(*names: str) -> Callable[[Callable[Concatenate[Loaded, P], R]], Callable[P, R]]:
    """Give a verb the flags of these settings (of all of them when none is named) and `--config`."""
    chosen = [each for each in options() if not each.secret and (not names or each.name in names)]

    def decorate(verb: Callable[Concatenate[Loaded, P], R]) -> Callable[P, R]:
        @functools.wraps(verb)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            given: dict[str, Any] = {each.name: kwargs.pop(_parameter(each), None) for each in chosen}
            config: Any = kwargs.pop("config", None)
            return verb(_load(given, config), *args, **kwargs)

        decorated: Callable[P, R] = run
        for each in reversed(chosen):
            decorated = _flag(each)(decorated)
        file = click.option("--config", metavar="FILE", help="A TOML file with settings. [HOLDFAST_CONFIG]")
        return file(decorated)

    return decorate


def _load(given: dict[str, Any], config: str | None) -> Loaded:
    try:
        loaded = load(given, os.environ, config)
    except ConfigError as error:
        click.echo(f"holdfast: {error}", err=True)
        sys.exit(2)
    for note in loaded.notes:
        click.echo(f"holdfast: note: {note}", err=True)
    return loaded


def _parameter(option: Option) -> str:
    return _PREFIX + option.name.replace(".", "_")


def _flag(option: Option) -> Callable[[Callable[P, R]], Callable[P, R]]:
    # Values stay text here: the one place that reads them tells about all that are wrong at once.
    if isinstance(option.default, bool):
        positive = f"{option.flag}/--no-{option.flag.removeprefix('--')}"
        return click.option(positive, _parameter(option), default=None, help=option.help)
    shown = "" if option.default in (None, ()) else f"  [{_default(option)}]"
    return click.option(option.flag, _parameter(option), metavar=option.kind.metavar, help=option.help + shown)


def _default(option: Option) -> object:
    return option.default if isinstance(option.default, Path) else option.kind.plain(option.default)
