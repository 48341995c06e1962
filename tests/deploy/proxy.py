"""Checks of nginx before the gateways, as it runs on one host and on three, without and with TLS."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy import plan
from deploy.composing import configuration
from deploy.faults import TOOLS, ran
from deploy.nginx_file import wrong as wrong_in
from deploy.three_hosts import on_host

_TEMPLATE = "compose/bet_intel/compose/servers/nginx.conf"
_TLS = "compose/nginx/tls.conf"
_NGINX = "/usr/sbin/nginx"
# Links that clients follow keep their port, and no answer is made of the host that a client names.
_SKIPPED = "host_spoofing"
# The first that looks for names again while it runs.
_RESOLVES = (1, 27, 3)
_VERSION = re.compile(r"nginx/(\d+)\.(\d+)\.(\d+)")
_LEFT = re.compile(r"\$\{[A-Z_]+\}")


def nginx(root: Path) -> Sequence[str]:
    """nginx and gixy accept the file with the addresses of the compose files; every value is given, and what
    nobody sees in an answer holds."""
    try:
        projects = [configuration(root), on_host(root, 1)]
    except ValueError as error:
        return [str(error)]
    wrong = list(wrong_in((root / _TEMPLATE).read_text("utf-8")))
    for project in projects:
        given = {name: str(value) for name, value in project["services"]["nginx"]["environment"].items()}
        wrong += [
            f"nginx has {name} {given.get(name)}; the plan says {value}"
            for name, value in plan.NGINX.items()
            if given.get(name) != value
        ]
        for tls in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                wrong += _checked(root, given, Path(folder), tls=tls)
    return list(dict.fromkeys(wrong))


def _checked(root: Path, given: dict[str, str], folder: Path, *, tls: bool) -> list[str]:
    program = shutil.which("nginx") or _NGINX
    gateways = {name: _readable(given[name], program) for name in ("GATEWAYS", "ALL_GATEWAYS")}
    local = {"FOLDER": str(folder), **gateways}
    text = (root / _TEMPLATE).read_text("utf-8")
    for name, value in (given | local).items():
        text = text.replace(f"${{{name}}}", value)
    left = _LEFT.findall(text)
    if left:
        return [f"nginx.conf: {', '.join(left)} is given by nobody"]
    # The container runs it as who it is; the ports below 1024 and the standard output are not ours here.
    file = folder / "nginx.conf"
    file.write_text(text.replace("/dev/stdout", str(folder / "access.log")), "utf-8")
    if tls:
        _certificate(folder)
        server = (root / _TLS).read_text("utf-8")
        (folder / "tls.conf").write_text(server.replace("/run/secrets", str(folder)), "utf-8")
    wrong = []
    code, said = ran(program, "-t", "-c", file, "-p", folder, "-e", "stderr")
    if code or "[warn]" in said:
        wrong.append(said.strip())
    code, said = ran(TOOLS / "gixy", "--skips", _SKIPPED, file)
    if code:
        wrong.append(said.strip())
    return wrong


def _readable(gateways: str, program: str) -> str:
    """What the nginx that is here can read of it: an older one knows no `resolve`, and names of containers are known to
    nobody here. That the image knows it, and what it says, `composing_start.balanced` sees to."""
    found = _VERSION.search(ran(program, "-v")[1])
    if found and tuple(map(int, found.groups())) >= _RESOLVES:
        return gateways
    older = re.sub(r"resolver [^;]+;|(?<= )resolve ", "", gateways)
    return re.sub(r"server [a-z0-9.-]+:", "server 127.0.0.1:", older)


def _certificate(folder: Path) -> None:
    names = ("-keyout", folder / "tls_key", "-out", folder / "tls_certificate")
    code, said = ran("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", *names)
    if code:
        raise ValueError(said)
