"""`pulumi preview` of a stack in this folder as one process: `python -m benchmarks.preview PULUMI STACK`.

It starts the engine and serves it the program, as the language host of an installed `pulumi` does; the engine's
executable comes without one.
"""

import runpy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc

import infra


def main(executable: str, stack: str) -> int:
    """Preview the stack and return the engine's exit code."""
    program = str(Path(infra.__file__).parent)

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageServer(run), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    command = [executable, "preview", "--non-interactive", "--stack", stack, f"--client=127.0.0.1:{port}"]
    done = subprocess.run(command, check=False)
    server.stop(None).wait()
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
