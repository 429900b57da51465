"""The program that the engine starts for the policy pack, `pulumi-analyzer-policy-mlops-bootstrap`.

The engine looks for an executable with the name of the runtime in `PulumiPolicy.yaml`; this package installs it. In a
deployment by `up` the server is in the process of `up`, which has imported the provider's modules already; a second
import of them would cost more than the deployment of the hub. The program then only says where the server is, and
imports nothing.
"""

import contextlib
import os
import sys
import time

SETTINGS_KEY = "mlops-bootstrap:settings"
"""The configuration key of a stack's settings in plain Pulumi. Suppressions and rules on settings need them."""

PORT = "MLOPS_BOOTSTRAP_POLICY_PACK_PORT"
"""The environment variable with the port of a server that runs already."""


def main() -> None:
    """Serve until the engine ends this process. The engine reads the port from the first line of output."""
    engine = os.getppid()
    with contextlib.ExitStack() as ended:
        port = int(os.environ.get(PORT, "0"))
        if not port:
            from infra.rules.analyzer import serve

            server, port = serve()
            # Its threads would keep the process alive.
            ended.callback(server.stop, None)
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        # The engine ends the process with an interrupt, unless it is killed: then it is no longer the parent.
        with contextlib.suppress(KeyboardInterrupt):
            while os.getppid() == engine:
                time.sleep(0.5)
