"""Pipelines: a GitHub workflow, a GitLab job. The key, where there is one, is never in the file: it is committed."""

from __future__ import annotations

from textwrap import indent

from holdfast.cli.connect.account import Account
from holdfast.cli.connect.registry import Registry
from holdfast.cli.connect.setup import File, Setup

_STORE_GITHUB = ("gh secret set HOLDFAST_KEY --body {}", "gh secret set HOLDFAST_KEY < {}")
_STORE_GITLAB = ("glab variable set HOLDFAST_KEY {} --masked", "glab variable set HOLDFAST_KEY --masked < {}")
_GITHUB = """\
# {what} {image} as {who}.
name: image
on:
  push:
    branches: [main]
permissions:
  contents: read
{permission}jobs:
  image:
    runs-on: ubuntu-latest
    env:
      REGISTRY: "{host}"
      IMAGE: "{image}"
      HOLDFAST_USER: "{user}"
    steps:
"""
_GITHUB_TRUST = """\
      - name: Trust the registry's authority
        run: |
          sudo install -d "/etc/docker/certs.d/$REGISTRY"
          sudo tee "/etc/docker/certs.d/$REGISTRY/ca.crt" > /dev/null <<'END'
{authority}          END
"""
_GITHUB_CHECKOUT = """\
      - name: Check out
        uses: actions/checkout@v4
"""
_GITHUB_KEY = """\
      - name: Log in
        env:
          HOLDFAST_KEY: ${{ secrets.HOLDFAST_KEY }}
        run: printf %s "$HOLDFAST_KEY" | docker login --username "$HOLDFAST_USER" --password-stdin "$REGISTRY"
"""
_GITHUB_KEYLESS = """\
      - name: Log in
        run: |
          token=$(curl --silent --show-error --fail -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \\
            "$ACTIONS_ID_TOKEN_REQUEST_URL&audience={audience}" | jq -r .value)
          printf %s "$token" | docker login --username "$HOLDFAST_USER" --password-stdin "$REGISTRY"
"""
_GITHUB_STEP = """\
      - name: {name}
        run: |
{lines}"""
_GITHUB_END = """\
      - name: Log out
        if: always()
        run: docker logout "$REGISTRY"
"""
_GITLAB = """\
# {what} {image} as {who}.
holdfast:
  image: docker:28
  services:
{service}{tokens}  variables:
    DOCKER_TLS_CERTDIR: "/certs"
    REGISTRY: "{host}"
    IMAGE: "{image}"
    HOLDFAST_USER: "{user}"
{authority}  script:
    - printf %s "{secret}" | docker login --username "$HOLDFAST_USER" --password-stdin "$REGISTRY"
{lines}  after_script:
    - docker logout "$REGISTRY"
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
"""
_GITLAB_TOKENS = """\
  id_tokens:
    HOLDFAST_ID_TOKEN:
      aud: "{audience}"
"""
_GITLAB_SERVICE = """\
    - name: docker:28-dind
      alias: docker
"""
_GITLAB_TRUST = """\
      entrypoint:
        - sh
        - -c
        - >-
          mkdir -p "/etc/docker/certs.d/$REGISTRY" &&
          printf '%s' "$HOLDFAST_CA" > "/etc/docker/certs.d/$REGISTRY/ca.crt" &&
          exec dockerd-entrypoint.sh "$@"
        - dockerd-entrypoint.sh
"""
_PUSH = ('docker build --tag "$IMAGE:{version}" .', 'docker push "$IMAGE:{version}"')
_PULL = ('docker pull "$IMAGE:latest"',)


def github(registry: Registry, repository: str, account: Account, *, push: bool, keyless: bool, audience: str) -> Setup:
    """A workflow: `.github/workflows/holdfast.yml`. `keyless`: by GitHub's token for `audience` instead of a key."""
    image = f"{registry.host}/{repository}"
    head = _GITHUB.format(
        what="Pushes to" if push else "Pulls",
        image=image,
        who=account.subject,
        permission="  id-token: write\n" if keyless else "",
        host=registry.host,
        user=account.user,
    )
    steps = [_GITHUB_CHECKOUT] if push else []
    if registry.authority:
        steps.append(_GITHUB_TRUST.format(authority=indent(registry.authority, " " * 10)))
    steps.append(_GITHUB_KEYLESS.format(audience=audience or registry.host) if keyless else _GITHUB_KEY)
    lines = "".join(f"          {line.format(version='$GITHUB_SHA')}\n" for line in (_PUSH if push else _PULL))
    steps.append(_GITHUB_STEP.format(name="Build and push" if push else "Pull", lines=lines))
    name = ".github/workflows/holdfast.yml"
    files = (File(name, head + "".join((*steps, _GITHUB_END)), name),)
    notes = []
    if registry.plain and not registry.loopback:
        notes.append(f"GitHub's runners do not speak plain HTTP with {registry.host}: give the registry a certificate")
    return Setup(files, tuple(notes), None if keyless else _STORE_GITHUB)


def gitlab(registry: Registry, repository: str, account: Account, *, push: bool, keyless: bool, audience: str) -> Setup:
    """A job for `.gitlab-ci.yml`. `keyless`: by GitLab's token for `audience` instead of a key."""
    image = f"{registry.host}/{repository}"
    service = _GITLAB_SERVICE
    if registry.authority:
        service += _GITLAB_TRUST
    if registry.plain:
        service += f'      command: ["--insecure-registry={registry.host}"]\n'
    text = _GITLAB.format(
        what="Pushes to" if push else "Pulls",
        image=image,
        who=account.subject,
        service=service,
        tokens=_GITLAB_TOKENS.format(audience=audience or registry.host) if keyless else "",
        host=registry.host,
        user=account.user,
        authority=f"    HOLDFAST_CA: |\n{indent(registry.authority, ' ' * 6)}" if registry.authority else "",
        secret="$HOLDFAST_ID_TOKEN" if keyless else "$HOLDFAST_KEY",
        lines="".join(f"    - {line.format(version='$CI_COMMIT_SHORT_SHA')}\n" for line in (_PUSH if push else _PULL)),
    )
    files = (File(".gitlab-ci.yml", text, ".gitlab-ci.yml"),)
    return Setup(files, (), None if keyless else _STORE_GITLAB)
