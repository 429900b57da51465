"""The Pulumi engine: the `pulumi` executable, and its processes while they run.

Pulumi's Automation API starts one process of it for each operation. Here each gets a process group of its own, so that
Ctrl-C in a terminal reaches this program only, which then decides what the engines do.
https://www.pulumi.com/docs/iac/automation-api/
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation.errors import InvalidVersionError, create_command_error

from bootstrap.errors import MissingError

MINIMUM = "3.259.0"
"""The oldest engine that runs our programs: error hooks begin with it."""

_WINDOWS = os.name == "nt"
# The attributes exist on Windows only.
_OWN_GROUP: dict[str, Any] = (
    {"creationflags": subprocess.__dict__["CREATE_NEW_PROCESS_GROUP"]} if _WINDOWS else {"start_new_session": True}
)
_INTERRUPT: signal.Signals = signal.Signals["CTRL_BREAK_EVENT" if _WINDOWS else "SIGINT"]

_INSTALL = "Install Pulumi, and open a new shell: https://www.pulumi.com/docs/iac/download-install/"


class Engine(automation.PulumiCommand):
    """The executable, as the Automation API uses it, with a group of its own for each process.

    Args:
        environment: The environment variables of its processes; by default those of this one.

    Raises:
        MissingError: There is no `pulumi` on PATH, or it is too old.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.environment = dict(environment if environment is not None else os.environ)
        # The policy pack is a program of this installation, which need not be on PATH.
        self.environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), self.environment.get("PATH", "")])
        found = shutil.which("pulumi")
        # Windows looks in the current folder first, and that may be somebody's repository.
        if found is None or Path(found).parent == Path():
            raise MissingError("Deployments need the Pulumi engine.", why="There is no pulumi on PATH.", hint=_INSTALL)
        try:
            super().__init__()
        except InvalidVersionError as error:
            raise MissingError(f"{found} is not supported.", why=f"{error}.", hint=_INSTALL) from error
        if self.version is None or self.version.compare(MINIMUM) < 0:
            raise MissingError(
                f"{found} is too old: {self.version}.", why=f"It must be {MINIMUM} or later.", hint=_INSTALL
            )
        self.command = str(Path(found).resolve())
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Any = None,
        on_error: Any = None,
        *,
        text: str | None = None,
    ) -> automation.CommandResult:
        """Run the executable to its end, with `text` as its standard input. Raises CommandError when it fails."""
        process = subprocess.Popen(
            [self.command, "--non-interactive", *args],
            stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**self.environment, **additional_env, "PULUMI_AUTOMATION_API": "true"},
            encoding="utf-8",
            errors="replace",
            **_OWN_GROUP,
        )
        with self._lock:
            self._running.add(process)
        try:
            printed: tuple[list[str], list[str]] = ([], [])
            readers = [
                threading.Thread(target=_read, args=(stream, lines, callback), daemon=True)
                for stream, lines, callback in zip(
                    (process.stdout, process.stderr), printed, (on_output, on_error), strict=True
                )
            ]
            for reader in readers:
                reader.start()
            if process.stdin is not None:
                with contextlib.suppress(BrokenPipeError), process.stdin:  # it fails, and says why
                    process.stdin.write(text or "")
            for reader in readers:
                reader.join()
            code = process.wait()
        finally:
            with self._lock:
                self._running.discard(process)
        result = automation.CommandResult(stdout="\n".join(printed[0]), stderr="\n".join(printed[1]), code=code)
        if code != 0:
            raise create_command_error(result)
        return result

    def interrupt(self) -> None:
        """Ask all running processes to stop: each finishes the operations that Azure works on, and writes its state."""
        with self._lock:
            for process in self._running:
                if process.poll() is None:
                    process.send_signal(_INTERRUPT)

    def kill(self) -> None:
        """End all running processes at once. What Azure works on stays pending in their states."""
        with self._lock:
            for process in self._running:
                process.kill()


def _read(stream: Any, lines: list[str], callback: Any) -> None:
    with stream:
        for line in stream:
            lines.append(line.rstrip())
            if callback is not None:
                callback(lines[-1])
