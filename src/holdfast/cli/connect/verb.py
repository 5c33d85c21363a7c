"""`holdfast connect`: print or write what a client needs to use one repository, with an account made for it.

Standard output gets the configuration alone, so that it can go to a file or to kubectl; what was made, until when, and
how to end it is said on standard error. Nothing is made before everything that can be checked was checked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, cast

import click

from holdfast.cli.connect import engines, kubernetes, pipelines
from holdfast.cli.connect.account import Wanted
from holdfast.cli.connect.giving import Asked, by_token, check, connect_to, give, say_notes
from holdfast.cli.connect.registry import Registry, registry_of
from holdfast.cli.connect.setup import Setup
from holdfast.cli.moments import EXPIRES, moment
from holdfast.cli.output import Api, client_verb
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName

P = ParamSpec("P")
_LIFE = "90d"
_CONNECT = """\b
Examples:
  holdfast connect kubernetes --repository team/app | kubectl apply -f -
  holdfast connect docker --repository team/app --write ./docker
  holdfast connect swarm --repository team/app | sh
  holdfast connect github --repository team/app --push --claim repository_id=74 > .github/workflows/image.yml
  holdfast connect containerd --repository team/app --dry-run
\b
Each makes a robot that may pull from this repository and do nothing else, with a key for 90 days:
`holdfast robot list` shows it, `holdfast robot delete` ends it. --dry-run makes nothing.
"""
_KUBERNETES = """\b
Examples:
  holdfast connect kubernetes --repository team/app | kubectl apply -f -
  holdfast connect kubernetes --repository team/app --namespace shop --name pull-app --service-account web
  holdfast connect kubernetes --repository team/app --credential-provider \\
    --claim kubernetes.io/serviceaccount/uid=14ee3fa4-a7e2-420f-9f9a-dbc4507c3798
"""
_SWARM = """\b
Examples:
  holdfast connect swarm --repository team/app | sh
  holdfast connect swarm --repository team/app --write .
"""
_CONTAINERD = """\b
Examples:
  holdfast connect containerd --repository team/app --write /etc/containerd
  holdfast connect containerd --repository team/app --registry https://registry.example.com --dry-run
"""
_DOCKER = """\b
Examples:
  holdfast connect docker --repository team/app --write ./docker
  docker --config ./docker pull registry.example.com/team/app:v1
"""
_PODMAN = """\b
Examples:
  holdfast connect podman --repository team/app --write .
  podman pull --authfile auth.json registry.example.com/team/app:v1
"""
_GITHUB = """\b
Examples:
  holdfast connect github --repository team/app --push --claim repository_id=74 > .github/workflows/image.yml
  holdfast connect github --repository team/app --push --key-file app.key > .github/workflows/image.yml
\b
With --claim jobs show the token that GitHub gives them, and nothing is stored. Without it there is a key, which
goes to standard error or to --key-file: it is a secret of the GitHub repository, never part of the workflow.
"""
_GITLAB = """\b
Examples:
  holdfast connect gitlab --repository team/app --push --claim project_id=20 --write .
  holdfast connect gitlab --repository team/app --key-file app.key > .gitlab-ci.yml
\b
With --claim jobs show the token that GitLab gives them, and nothing is stored. Without it there is a key, which
goes to standard error or to --key-file: it is a masked variable of the project, never part of the file.
"""
_ALL: tuple[Callable[[Any], Any], ...] = (
    click.option("--repository", required=True, metavar="REPO", help="The one repository that it may use."),
    click.option("--push", is_flag=True, help="It may push as well."),
    click.option("--expires", metavar="WHEN", help=f"{EXPIRES} A key without it: {_LIFE}."),
    click.option("--registry", "address", metavar="URL", help="The registry as the client sees it, if not as you do."),
    click.option("--ca-file", metavar="FILE", help="Its authority, which clients are to trust."),
    click.option("--dry-run", is_flag=True, help="Make nothing: what would be made has a placeholder."),
    click.option("--write", "directory", metavar="DIR", type=click.Path(path_type=Path), help="Write files into DIR."),
    click.option("--force", is_flag=True, help="With --write: overwrite what is there."),
)
_MACHINE: tuple[Callable[[Any], Any], ...] = (
    click.option("--claim", "claims", multiple=True, metavar="CLAIM=VALUE", help="Whose tokens it is; then no key."),
    click.option("--issuer", metavar="NAME", help="With --claim: whose tokens, if there are several of the kind."),
    click.option("--audience", metavar="TEXT", help="With --claim: what tokens are made for; without: the registry."),
    click.option("--key-file", metavar="FILE", type=click.Path(path_type=Path), help="Write the key into FILE, anew."),
)


def _with(options: tuple[Callable[[Any], Any], ...]) -> Callable[[Any], Any]:
    """Take all of these options."""
    return lambda verb: functools.reduce(lambda made, option: option(made), reversed(options), verb)


def _asking(function: Callable[Concatenate[Api, Asked, P], None]) -> Callable[P, None]:
    """Take what every `connect` takes, and give it as `Asked`; the verb's name is the target."""

    def verb(api: Api, *args: P.args, **kwargs: P.kwargs) -> None:
        taken: dict[str, Any] = kwargs
        given = {name: taken.pop(name) for name in ("repository", "push", "expires", "address", "ca_file")}
        where = {name: taken.pop(name) for name in ("dry_run", "directory", "force")}
        registry = registry_of(api.client.context, given["address"], given["ca_file"])
        wanted = Wanted(
            click.get_current_context().info_name or "client",
            _repository(given["repository"], registry),
            push=given["push"],
            expires_at=moment(given["expires"] or (None if taken.get("claims") else _LIFE)),
        )
        if where["force"] and where["directory"] is None:
            raise click.UsageError("--force goes with --write")
        function(api, Asked(wanted, registry, **where), *args, **kwargs)

    functools.update_wrapper(verb, function)
    return cast("Callable[P, None]", _with(_ALL)(client_verb(verb)))


def _repository(text: str, registry: Registry) -> str:
    """The name of a repository, also when it is given as images are named. Raises `click.UsageError`."""
    try:
        return RepositoryName.parse(text.removeprefix(f"{registry.host}/"))
    except NameInvalid as error:
        raise click.UsageError(f"--repository: {error.reason}") from error


@click.group(epilog=_CONNECT)
def connect() -> None:
    """Configure a client for one repository, with a robot and a key of its own."""


@connect.command("kubernetes", epilog=_KUBERNETES)
@click.option("--namespace", default="", metavar="N", help="The Secret's namespace; without: as kubectl is set.")
@click.option("--name", metavar="NAME", help="What the Secret is called; without: holdfast-REPO.")
@click.option("--service-account", default="", metavar="NAME", help="Print this ServiceAccount too, which uses it.")
@click.option("--credential-provider", "by_provider", is_flag=True, help="The kubelet's configuration, without a key.")
@click.option("--claim", "claims", multiple=True, metavar="CLAIM=VALUE", help="With it: which service accounts.")
@click.option("--issuer", metavar="NAME", help="With --claim: the cluster, if there are several.")
@click.option("--audience", metavar="TEXT", help="What tokens are made for; without: the registry.")
@_asking
def kubernetes_(
    api: Api,
    asked: Asked,
    *,
    namespace: str,
    name: str | None,
    service_account: str,
    by_provider: bool,
    claims: tuple[str, ...],
    issuer: str | None,
    audience: str | None,
) -> None:
    """A Secret that lets pods pull, for `kubectl apply`; or the kubelet's credential provider."""
    registry, repository = asked.registry, asked.wanted.repository
    if by_provider:
        if asked.wanted.push or namespace or name or service_account:
            raise click.UsageError("--credential-provider goes without --push and without what is about the Secret")
        words = audience or ""
        if not claims:
            if issuer:
                raise click.UsageError("--issuer goes with --claim")
            setup = kubernetes.provider(registry, repository, None, audience=words)
            check(asked, setup.files)
            give(api, asked, None, setup)
            if not api.as_json:
                say_notes(asked, setup)
            return
        asked = by_token(api, asked, claims, issuer, "kubernetes")
        connect_to(api, asked, lambda account: kubernetes.provider(registry, repository, account, audience=words))
        return
    if claims or issuer or audience:
        raise click.UsageError("--claim, --issuer and --audience go with --credential-provider")
    called = kubernetes.object_name(name or kubernetes.secret_name(repository), "--name")
    for flag, value in (("--namespace", namespace), ("--service-account", service_account)):
        if value:
            kubernetes.object_name(value, flag)
    connect_to(
        api,
        asked,
        lambda account: kubernetes.pull_secret(
            registry, repository, account, name=called, namespace=namespace, service_account=service_account
        ),
    )


@connect.command("swarm", epilog=_SWARM)
@_asking
def swarm(api: Api, asked: Asked) -> None:
    """A script that logs a manager in, for services created --with-registry-auth."""
    connect_to(api, asked, lambda account: engines.swarm(asked.registry, asked.wanted.repository, account))


@connect.command("containerd", epilog=_CONTAINERD)
@_asking
def containerd(api: Api, asked: Asked) -> None:
    """hosts.toml, with the credential in it."""
    wanted = asked.wanted
    connect_to(
        api,
        asked,
        lambda account: engines.containerd(asked.registry, wanted.repository, account, push=wanted.push),
    )


@connect.command("docker", epilog=_DOCKER)
@_asking
def docker(api: Api, asked: Asked) -> None:
    """config.json, with a log-in."""
    connect_to(api, asked, lambda account: engines.docker(asked.registry, asked.wanted.repository, account))


@connect.command("podman", epilog=_PODMAN)
@_asking
def podman(api: Api, asked: Asked) -> None:
    """auth.json for podman, buildah, skopeo and CRI-O, with a log-in for this repository alone."""
    connect_to(api, asked, lambda account: engines.podman(asked.registry, asked.wanted.repository, account))


@connect.command("github", epilog=_GITHUB)
@_with(_MACHINE)
@_asking
def github(api: Api, asked: Asked, /, **given: Any) -> None:
    """A workflow of GitHub Actions that pulls, or with --push builds and pushes."""
    _pipeline(api, asked, pipelines.github, **given)


@connect.command("gitlab", epilog=_GITLAB)
@_with(_MACHINE)
@_asking
def gitlab(api: Api, asked: Asked, /, **given: Any) -> None:
    """A job of GitLab CI that pulls, or with --push builds and pushes."""
    _pipeline(api, asked, pipelines.gitlab, **given)


def _pipeline(
    api: Api,
    asked: Asked,
    build: Callable[..., Setup],
    *,
    claims: tuple[str, ...],
    issuer: str | None,
    audience: str | None,
    key_file: Path | None,
) -> None:
    if claims and key_file is not None:
        raise click.UsageError("with --claim there is no key: --key-file goes without")
    if not claims and (issuer or audience):
        raise click.UsageError("--issuer and --audience go with --claim")
    if claims:
        asked = by_token(api, asked, claims, issuer, asked.wanted.target)
    told = {"push": asked.wanted.push, "keyless": bool(claims), "audience": audience or ""}
    place = replace(asked, key_file=key_file)
    connect_to(api, place, lambda account: build(asked.registry, asked.wanted.repository, account, **told))
