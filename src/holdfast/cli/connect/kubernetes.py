"""Kubernetes: a Secret that pods and service accounts name, or the kubelet's credential provider without a secret."""

from __future__ import annotations

import json
import re
from base64 import b64encode

import click

from holdfast.cli.connect.account import Account
from holdfast.cli.connect.engines import docker_config
from holdfast.cli.connect.registry import Registry
from holdfast.cli.connect.setup import File, Setup
from holdfast.cli.credential_provider import kubelet_config

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\Z")
_LONGEST = 253
_PULL = """\
# {image}, as {who}, until {until}.
# Pods name it:
#   spec:
#     imagePullSecrets:
#       - name: {name}
# or all pods of a service account do. This replaces the imagePullSecrets that the account has:
#   kubectl patch serviceaccount default{flag} --patch '{{"imagePullSecrets": [{{"name": "{name}"}}]}}'
apiVersion: v1
kind: Secret
metadata:
  name: {name}
{namespace}  annotations:
    holdfast-robot: {robot}
    holdfast-until: {end}
type: kubernetes.io/dockerconfigjson
data:
{shown}  .dockerconfigjson: {config}
"""
_SERVICE_ACCOUNT = """\
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
{namespace}imagePullSecrets:
  - name: {secret}
"""


def pull_secret(
    registry: Registry, repository: str, account: Account, *, name: str, namespace: str, service_account: str
) -> Setup:
    """A Secret with the key, and with `service_account` the account that uses it. '' : as kubectl is set."""
    where = f"  namespace: {namespace}\n" if namespace else ""
    config = docker_config(registry.host, account, several=True)
    text = _PULL.format(
        image=f"{registry.host}/{repository}",
        who=account.subject,
        until=account.expires_at or "it is revoked",
        name=name,
        flag=f" --namespace {namespace}" if namespace else "",
        namespace=where,
        robot=json.dumps(account.subject),
        end=json.dumps(account.expires_at or "never"),
        shown="" if account.real else f"  # this is {json.dumps(json.loads(config))}\n",
        config=b64encode(config.encode()).decode(),
    )
    if service_account:
        text += _SERVICE_ACCOUNT.format(name=service_account, namespace=where, secret=name)
    return Setup((File(f"{name}.yaml", text, "kubectl apply -f", secret=True),), tuple(_of_nodes(registry)))


def provider(registry: Registry, repository: str, account: Account | None, *, audience: str) -> Setup:
    """The kubelet's configuration of the credential provider for this repository: pods pull as their own service
    accounts. `account`: the robot that they are; None: whichever a rule says."""
    text = kubelet_config(f"{registry.host}/{repository}", audience or None, account.user if account else None)
    name = "credential-providers.yaml"
    notes = [
        "each node needs the provider itself, executable, in the kubelet's --image-credential-provider-bin-dir: "
        "holdfast credential-provider > holdfast-credential-provider",
        f"and --image-credential-provider-config=/etc/kubernetes/{name}",
        *_of_nodes(registry),
    ]
    if account is None:
        notes.append("no service account is let in by this: --claim kubernetes.io/serviceaccount/uid=UID makes a rule")
    return Setup((File(name, text, f"/etc/kubernetes/{name}"),), tuple(notes))


def object_name(text: str, flag: str) -> str:
    """`text`, if an object of Kubernetes can be called so. Raises `click.UsageError`."""
    if len(text) > _LONGEST or not _NAME.match(text):
        raise click.UsageError(f"{flag} is lower-case letters, digits, '-' and '.', as Kubernetes names things")
    return text


def secret_name(repository: str) -> str:
    """What the Secret is called unless it is said."""
    return ("holdfast-" + re.sub(r"[^a-z0-9]+", "-", repository))[:_LONGEST].rstrip("-")


def _of_nodes(registry: Registry) -> list[str]:
    if not registry.plain and not registry.authority:
        return []
    what = "speak plain HTTP with" if registry.plain else "trust the authority of"
    return [f"the nodes' runtime has to {what} {registry.host}: `holdfast connect containerd` shows how"]
