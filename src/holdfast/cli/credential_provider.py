"""`holdfast credential-provider` and `holdfast docker-credential`: how kubelets and container clients get credentials.

The two helpers are files of POSIX sh (cli/shell): they run where Holdfast is not installed.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.resources import files
from typing import NoReturn

import click

from holdfast.cli.contexts import Context, ContextError, chosen, read_contexts

_PROVIDER = """\b
Examples:
  holdfast credential-provider > /usr/local/bin/kubelet/holdfast-credential-provider
  holdfast credential-provider --print-config registry.example.com > /etc/kubernetes/credential-providers.yaml
  holdfast credential-provider --print-config registry.example.com --user shop+pull
  holdfast credential-provider --docker > /usr/local/bin/docker-credential-holdfast
\b
Start the kubelet with --image-credential-provider-bin-dir (where the first file is, executable) and
--image-credential-provider-config (the second one).
"""
_DOCKER = """\b
Examples:
  echo registry.example.com | holdfast docker-credential get
  holdfast docker-credential list
\b
docker-credential-holdfast calls this; `holdfast credential-provider --docker` prints that helper.
"""
_HOST = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?(?:/[a-z0-9._/-]*)?\Z")
_WORD = re.compile(r"[A-Za-z0-9._:/+@-]{1,512}\Z")
_NOT_FOUND = "credentials not found in native keychain"
"""What docker takes for: nobody is logged in there (docker-credential-helpers, `errCredentialsNotFoundMessage`)."""
_IDENTITY = "<token>"
"""The user name by which docker knows a refresh token."""
_NEUTRAL = "oauth2accesstoken"
_CONFIG = """\
# Where the kubelet gets credentials for {host}: the token of each pod's own service account.
# Kubernetes 1.34 or later (1.33 with the feature gate KubeletServiceAccountTokenForCredentialProviders, without
# cacheType). The nodes must be allowed to ask for the audience; kubectl apply this:
#
#   apiVersion: rbac.authorization.k8s.io/v1
#   kind: ClusterRole
#   metadata: {{name: holdfast-audience}}
#   rules:
#     - {{apiGroups: [""], resources: ["{audience}"], verbs: ["request-serviceaccounts-token-audience"]}}
#   ---
#   apiVersion: rbac.authorization.k8s.io/v1
#   kind: ClusterRoleBinding
#   metadata: {{name: holdfast-audience}}
#   roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: holdfast-audience}}
#   subjects:
#     - {{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:nodes"}}
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: holdfast-credential-provider
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages:
      - "{host}"
    defaultCacheDuration: "0s"
    tokenAttributes:
      serviceAccountTokenAudience: "{audience}"
      cacheType: Token
      requireServiceAccount: true
"""
_ARGUMENTS = """\
    args:
      - "--user"
      - "{user}"
"""


@click.command("credential-provider", epilog=_PROVIDER)
@click.option("--print-config", "host", metavar="HOST", help="Print the kubelet's configuration for this registry.")
@click.option("--audience", metavar="TEXT", help="What tokens are made for; without it HOST.")
@click.option("--user", metavar="NAME", help="The robot (NAMESPACE+NAME), where a service account may be several.")
@click.option("--docker", is_flag=True, help="Print the helper of docker and the like instead.")
def credential_provider(host: str | None, *, audience: str | None, user: str | None, docker: bool) -> None:
    """Print the kubelet's credential provider: one file of POSIX sh that needs nothing else."""
    if host is None:
        if audience or user:
            raise click.UsageError("--audience and --user go with --print-config")
        name = "docker-credential-holdfast" if docker else "holdfast-credential-provider"
        click.echo(files("holdfast.cli").joinpath("shell", name).read_text(encoding="utf-8"), nl=False)
        return
    if docker:
        raise click.UsageError("--docker and --print-config exclude each other")
    if host.startswith("*") and audience is None:
        raise click.UsageError("of several hosts none is the audience: give --audience")
    if not _HOST.match(host):
        raise click.UsageError("HOST is a host name, with a port and the beginning of a path if need be")
    for name, value in (("--audience", audience), ("--user", user)):
        if value is not None and not _WORD.match(value):
            raise click.UsageError(f"{name} cannot be that")
    click.echo(kubelet_config(host, audience, user), nl=False)


def kubelet_config(host: str, audience: str | None, user: str | None) -> str:
    """The kubelet's configuration of the provider: for the images at `host` (a path may follow), with tokens made for
    `audience` (None: the host), which are the robot `user` (None: whichever a rule says)."""
    said = _CONFIG.format(host=host, audience=audience or host.partition("/")[0])
    return said + (_ARGUMENTS.format(user=user) if user else "")


@click.command("docker-credential", epilog=_DOCKER)
@click.argument("action", type=click.Choice(["get", "list", "store", "erase"]))
def docker_credential(action: str) -> None:
    """Answer docker and the like with what `holdfast login` keeps. ACTION is docker's word."""
    try:
        if action == "get":
            _get(sys.stdin.readline(4096).strip())
        elif action == "list":
            click.echo(json.dumps({_host(each.url): each.user for each in _known()}))
        elif action == "store":
            _refuse("holdfast keeps log-ins by `holdfast login` alone")
        else:
            sys.stdin.read(65536)
    except ContextError as error:
        _refuse(str(error))


def _get(server: str) -> None:
    wanted = _host(server)
    for context in _known():
        if _host(context.url) != wanted:
            continue
        if context.refresh:
            user, secret = _IDENTITY, context.refresh
        elif context.key:
            user, secret = context.user or _NEUTRAL, context.key
        else:
            continue
        click.echo(json.dumps({"ServerURL": server, "Username": user, "Secret": secret}))
        return
    _refuse(_NOT_FOUND)


def _known() -> list[Context]:
    """What is logged in here, the context in use first. Raises `ContextError`."""
    kept = read_contexts()
    try:
        first = [chosen(None)]
    except ContextError:
        first = []
    return [*first, *(each for each in kept.named.values() if each not in first)]


def _host(server: str) -> str:
    """The host, with its port, of what docker calls a server: a host, or a URL."""
    return server.partition("://")[2].partition("/")[0] if "://" in server else server.partition("/")[0]


def _refuse(reason: str) -> NoReturn:
    """Docker takes the reason from standard output."""
    click.echo(reason)
    sys.exit(1)
