"""Starts Azure ML's inference server on 127.0.0.1. Runs in a project's serve environment.

The server has no option for its host and listens on all addresses (azureml-inference-server-http 1.5.1); the constant
must be changed before `amlserver` copies it. Standard input is a pipe from the parent process: the server exits when it
is closed, also when the parent was killed.
"""

import os
import signal
import threading

from azureml_inference_server_http import constants  # type: ignore[import-not-found]

constants.DEFAULT_HOST = "127.0.0.1"

from azureml_inference_server_http.amlserver import run  # type: ignore[import-not-found] # noqa: E402


def _end_with_the_parent() -> None:
    # The file descriptor, not sys.stdin: this thread would hold the lock of its buffer, and forked workers would hang.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    run()
