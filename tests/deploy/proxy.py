"""Checks of nginx before the gateways, as it runs on one host and on three, without and with what may be beside it."""

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy import plan
from deploy.composing import before_nginx, configuration
from deploy.faults import TOOLS, ran
from deploy.nginx_file import wrong as wrong_in
from deploy.three_hosts import on_host

_TEMPLATE = "compose/bet_intel/compose/servers/nginx.conf"
_BESIDE = ("compose/nginx/tls.conf", "compose/nginx/real-ip.conf")
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
        beside = before_nginx(root)
    except ValueError as error:
        return [str(error)]
    wrong = list(blocks(root))
    for project in projects:
        given = {name: str(value) for name, value in project["services"]["nginx"]["environment"].items()}
        wrong += [
            f"nginx has {name} {given.get(name)}; the plan says {value}"
            for name, value in plan.NGINX.items()
            if given.get(name) != value
        ]
        for files, all_given in (((), given), (_BESIDE, beside | given)):
            with tempfile.TemporaryDirectory() as folder:
                wrong += _checked(root, all_given, Path(folder), files)
    return list(dict.fromkeys(wrong))


def blocks(root: Path) -> Sequence[str]:
    """What the file says of each location is what is wanted there."""
    return list(wrong_in((root / _TEMPLATE).read_text("utf-8")))


def _checked(root: Path, given: Mapping[str, str], folder: Path, beside: Sequence[str]) -> list[str]:
    program = shutil.which("nginx") or _NGINX
    gateways = {name: _readable(given[name], program) for name in ("GATEWAYS", "ALL_GATEWAYS")}
    # The container runs it as who it is; the ports below 1024 and the standard output are not ours here.
    local = {"/dev/stdout": str(folder / "access.log"), "/run/secrets": str(folder)}
    values = {**given, "FOLDER": str(folder), **gateways}
    for source in (_TEMPLATE, *beside):
        text = (root / source).read_text("utf-8")
        for name, value in values.items():
            text = text.replace(f"${{{name}}}", value)
        for theirs, ours in local.items():
            text = text.replace(theirs, ours)
        left = _LEFT.findall(text)
        if left:
            return [f"{Path(source).name}: {', '.join(left)} is given by nobody"]
        (folder / Path(source).name).write_text(text, "utf-8")
    if beside:
        _certificate(folder)
    wrong = []
    file = folder / "nginx.conf"
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
