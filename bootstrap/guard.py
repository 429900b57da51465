"""Runs a command, and ends it with all that it started when the process that started the guard has ended.

`python guard.py COMMAND...`, run by `bootstrap.processes.guarded_child`. Its standard input is a pipe of that process:
the system closes it when the process ends, also when it is killed. Needs the standard library only.
"""

import os
import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Run the command and return its exit code; 128 and the signal's number when a signal ended it, as shells do."""
    # Signals to the group reach the command too; the guard waits for what it does then.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be run: {error.strerror}\n")
        return 126
    threading.Thread(target=_end_with_owner, args=(process,), daemon=True).start()
    code = process.wait()
    return code if code >= 0 else 128 - code


def _end_with_owner(process: "subprocess.Popen[bytes]") -> None:
    os.read(0, 1)  # until the owner has ended: it writes nothing
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        os.killpg(0, signal.SIGKILL)  # the guard leads the group


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
