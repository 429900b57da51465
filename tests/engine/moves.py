"""`python -m tests.engine.moves [N]`: `platform bootstrap-state` is killed at each, or each Nth, step, and repeated.

A step is a command of the engine. The process is killed before it, after it, or with the engine during it. Afterwards
each state is in the hub's storage account, as it was, and no secret in it is on a disk in the clear.
"""

import gzip
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.deploy.backend import backend_of
from bootstrap.stack.deploy.deploy import Deployer
from bootstrap.stack.deploy.engine import Engine
from bootstrap.stack.deploy.operations import EngineStack
from infra.hub import state_store_of
from tests.engine.azure import Azure, serving_azure
from tests.engine.estate import PASSPHRASE, STACKS, Estate, new_estate
from tests.engine.executable import find_or_build
from tests.helpers import ROOT

MOMENTS = ("before", "during", "after")

CANARY = "canary-5f1d8c"
"""A secret in a state."""

_SECRET, _MARK = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""The key and the value that mark a secret: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go"""


def deployer(estate: Estate, backend: str) -> Deployer:
    """The stacks of an estate under the engine, without the command line."""
    path = os.pathsep.join([str(estate.root.parent / "bin"), os.environ["PATH"]])
    engine = Engine({**os.environ, **estate.env, "PATH": path})
    return Deployer(load_platform(estate.root), estate.root / ".mlops", engine, backend, Progress())


def plant(estate: Estate, stack: str) -> None:
    """Give a resource in the state of the backend `file` an output that is a secret."""
    work = deployer(estate, "file")
    settings = work.platform.stacks[stack]
    backend = backend_of(work.folder, settings, "file", work.engine.environment)
    opened = EngineStack(work.engine, backend, settings)
    document = json.loads(opened.decrypted())
    resource = next(one for one in document["deployment"]["resources"] if one["type"].startswith("azure-native:"))
    resource["outputs"]["password"] = {_SECRET: _MARK, "plaintext": json.dumps(CANARY)}
    document["deployment"]["secrets_providers"] = json.loads(opened.state)["deployment"]["secrets_providers"]
    opened.restore(json.dumps(document))


def prepare(azure: Azure, estate: Estate) -> Estate:
    """Let an estate use the hub's storage account, whose containers are empty."""
    estate.env.update(azure.env)
    for container in stores(estate).values():
        if azure.blob("HEAD", account(estate), container, "restype=container")[0] == 404:
            azure.create_container(account(estate), container)
        for name in azure.blobs(account(estate), container):
            azure.blob("DELETE", account(estate), f"{container}/{name}")
    return estate


def stores(estate: Estate) -> dict[str, str]:
    """The containers of states in the hub's storage account, by stack."""
    return {name: state_store_of(one).container for name, one in load_platform(estate.root).stacks.items()}


def account(estate: Estate) -> str:
    """The hub's storage account."""
    return state_store_of(load_platform(estate.root).stacks["hub"]).account


def kept_in(azure: Azure, estate: Estate) -> dict[str, bytes]:
    """All blobs in the hub's storage account, by container and name."""
    return {
        f"{container}/{name}": content
        for container in set(stores(estate).values())
        for name, content in azure.blobs(account(estate), container).items()
    }


def in_the_clear(
    estate: Estate, secrets: Collection[str] = (CANARY, PASSPHRASE), azure: Azure | None = None
) -> list[str]:
    """The files of an estate, and the blobs of its hub, that have one of the secrets in the clear."""
    found = {str(path): path.read_bytes() for path in estate.root.parent.rglob("*") if path.is_file()}
    if azure is not None:
        found |= kept_in(azure, estate)
    texts = ((name, _text(content)) for name, content in found.items())
    return [name for name, text in texts if any(secret in text for secret in secrets)]


def _text(content: bytes) -> str:
    # The engine compresses its logs, and does not complete that of a process that is killed.
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except EOFError:
            import zlib

            content = zlib.decompressobj(31).decompress(content)
    return content.decode("latin-1")


def comparable(estate: Estate, backend: str) -> dict[str, Any]:
    """The resources in the states of a backend by stack, with their secrets in the clear."""
    states = deployer(estate, backend).states(list(STACKS))
    return {name: json.loads(state)["deployment"]["resources"] for name, state in states.items()}


def moving(estate: Estate, number: int, moment: str) -> "subprocess.Popen[str]":
    """The command under way, which is killed at a step."""
    code = f"from tests.engine.moves import arm; arm({number}, {moment!r}); from bootstrap.cli.main import main; main()"
    path = os.pathsep.join([str(estate.root.parent / "bin"), os.environ["PATH"]])
    temporary = estate.root.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", code, "platform", "bootstrap-state", "--yes", "--backend", "file", "--parallel", "1"],
        cwd=estate.root,
        env={**os.environ, **estate.env, "PATH": path, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def arm(number: int, moment: str) -> None:
    """Kill this process at its command of the engine with this number, from 0."""
    run, counter = Engine.run, itertools.count()

    def die(engine: Engine) -> None:
        engine.kill()
        os.kill(os.getpid(), signal.SIGKILL)

    def counting(engine: Engine, *arguments: Any, **named: Any) -> Any:
        if next(counter) != number:
            return run(engine, *arguments, **named)
        if moment == "before":
            die(engine)
        if moment == "during":
            seconds = random.Random(number).uniform(0.05, 0.5)
            threading.Timer(seconds, die, [engine]).start()
        try:
            return run(engine, *arguments, **named)
        finally:  # also when the command failed, such as the export of a stack that is not there
            if moment == "after":
                die(engine)

    Engine.run = counting  # type: ignore[assignment,method-assign]


def wrong_after(azure: Azure, estate: Estate, number: int, moment: str) -> tuple[bool, list[str]]:
    """Kill the command at a step and repeat it. Returns whether it was killed, and what is wrong then."""
    expected = comparable(estate, "file")
    with moving(estate, number, moment) as process:
        printed, _ = process.communicate()
    wrong = [f"killed: {name}" for name in in_the_clear(estate, azure=azure)]
    if process.returncode == 0:
        return False, wrong
    if process.returncode != -signal.SIGKILL:
        return True, [*wrong, printed]
    done = estate.run("platform", "bootstrap-state", "--yes", "--backend", "file")
    if done.code == 7:  # the lock of a killed engine
        for backend in ("file", "hub"):
            estate.run("recover", "--all", "--yes", "--backend", backend)
        for name in kept_in(azure, estate):
            if "/locks/" in name:  # of a stack whose creation was interrupted, which the engine does not release
                azure.blob("DELETE", account(estate), name)
        done = estate.run("platform", "bootstrap-state", "--yes", "--backend", "file")
    wrong += [f"repeated: {done.code}: {done.err}"] if done.code else []
    wrong += [f"repeated: {name}" for name in in_the_clear(estate, azure=azure)]
    if comparable(estate, "hub") != expected:
        wrong.append("the states differ")
    if comparable(estate, "file"):
        wrong.append("the states are still in the backend file")
    return True, wrong


def main(every: int) -> None:
    """Print what is wrong after each step, and a row for each moment."""
    os.environ["PATH"] = os.pathsep.join([str(find_or_build().parent), os.environ["PATH"]])
    kills: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        original = new_estate(Path(folder) / "original")
        assert original.up(*STACKS).code == 0
        for stack in STACKS:
            plant(original, stack)
        with serving_azure(Path(folder) / "azure", account(original)) as azure:
            for moment in MOMENTS:
                for number in itertools.count(step=every):
                    started = time.monotonic()
                    estate = prepare(azure, original.copy(Path(folder) / f"{moment}-{number}"))
                    killed, wrong = wrong_after(azure, estate, number, moment)
                    if not killed:
                        break
                    kills[moment] += 1
                    faults[moment] += bool(wrong)
                    print(f"{moment} {number}: {time.monotonic() - started:.0f} s {wrong or ''}", flush=True)
    print("\n| The command is killed | Steps | Wrong afterwards |\n| --- | ---: | ---: |")
    for moment in MOMENTS:
        print(f"| {moment} a command of the engine | {kills[moment]} | {faults[moment]} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
