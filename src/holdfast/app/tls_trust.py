"""The lines that make each client trust a private authority: docker, Docker Desktop, containerd, podman, the system.

Text only; nothing is run. Docker, containerd and podman look up the address exactly as an image's name has it, so
there is one line for each host and port; the system's stores need the authority once.
"""

from pathlib import Path


def address_of(host: str, port: int) -> str:
    """Host and port as they stand in an image's name: no port where it is https's own, brackets around IPv6."""
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port == 443 else f"{bracketed}:{port}"


def trust_lines(hosts: tuple[str, ...], port: int, authority: Path) -> str:
    """What to type on each client, after copying `authority` there as `ca.crt`."""
    # A pattern is no address that anybody pulls from.
    addresses = [address_of(host, port) for host in hosts if not host.startswith("*.")] or ["REGISTRY"]
    sections = [
        f"On each client, copy {authority} there as ca.crt (never ca.key), then:",
        _section("docker", [_install(f"/etc/docker/certs.d/{each}") for each in addresses]),
        _section(
            "Docker Desktop (then restart it)",
            [
                "macOS:   security add-trusted-cert -d -r trustRoot -k ~/Library/Keychains/login.keychain-db ca.crt",
                "Windows: certutil -addstore -f ROOT ca.crt",
            ],
        ),
        _section(
            'containerd (with config_path = "/etc/containerd/certs.d")',
            [line for each in addresses for line in _containerd(each)],
        ),
        _section("podman, buildah, skopeo", [_install(f"/etc/containers/certs.d/{each}") for each in addresses]),
        _section(
            "the system's own store (curl, crane, helm, oras, cosign ...)",
            [
                "Debian, Ubuntu, Alpine: sudo cp ca.crt /usr/local/share/ca-certificates/holdfast.crt"
                " && sudo update-ca-certificates",
                "Fedora, RHEL:           sudo cp ca.crt /etc/pki/ca-trust/source/anchors/holdfast.crt"
                " && sudo update-ca-trust",
            ],
        ),
    ]
    return "\n\n".join(sections)


def serve_line(hosts: tuple[str, ...], port: int, certificate: Path, key: Path) -> str:
    """The command that serves with these files."""
    host = next((each for each in hosts if not each.startswith("*.")), "REGISTRY")
    return (
        f"holdfast serve --listen 0.0.0.0:{port} --tls-cert {certificate} --tls-key {key}"
        f" --public-url https://{address_of(host, port)}"
    )


def _section(title: str, lines: list[str]) -> str:
    return "\n".join([f"  {title}", *(f"    {line}" for line in lines)])


def _install(directory: str) -> str:
    return f"sudo install -D -m 644 ca.crt '{directory}/ca.crt'"


def _containerd(address: str) -> list[str]:
    directory = f"/etc/containerd/certs.d/{address}"
    # One line of printf: a here-document would not survive being copied with its indentation.
    lines = [
        f'server = "https://{address}"',
        f'[host."https://{address}"]',
        'capabilities = ["pull", "resolve", "push"]',
        f'ca = "{directory}/ca.crt"',
    ]
    words = " ".join(f"'{line}'" for line in lines)
    return [_install(directory), f"printf '%s\\n' {words} | sudo tee '{directory}/hosts.toml'"]
