"""What deployments need on this machine: the engine, the provider of Azure, the policy pack."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import version

from pulumi import automation

from bootstrap.errors import MissingError
from bootstrap.processes import shell_line
from bootstrap.stack.deploy.engine import Engine

_PROVIDER = "azure-native"
_PACK = "pulumi-analyzer-policy-mlops-bootstrap"


def examine() -> Iterator[tuple[str, str, str]]:
    """Each prerequisite: its name, what is there (empty where it is missing), and what to do about it."""
    try:
        engine = Engine()
    except MissingError as error:
        yield "engine", "", f"{error.what} {error.why} {error.hint}"
        return
    yield "engine", f"pulumi {engine.version}, {engine.command}", ""
    yield ("provider", *_provider(engine))
    pack = shutil.which(_PACK, path=engine.environment["PATH"])
    yield "policy pack", pack or "", "" if pack else "Install mlops-bootstrap again: this program is a part of it."


def _provider(engine: Engine) -> tuple[str, str]:
    """What the engine starts for resources of Azure, and what to do if it has nothing.

    A program on PATH comes first: https://www.pulumi.com/docs/iac/concepts/plugins/
    """
    if on_path := shutil.which(f"pulumi-resource-{_PROVIDER}", path=engine.environment["PATH"]):
        return on_path, ""
    wanted = version("pulumi-azure-native")
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = json.loads(engine.run(["plugin", "ls", "--json"], folder, {}).stdout)
        except automation.CommandError as error:
            return "", f"The engine cannot list its plugins: {error}"
    if any(one["name"] == _PROVIDER and one.get("version") == wanted for one in found):
        return f"{_PROVIDER} {wanted}", ""
    install = shell_line("pulumi", "plugin", "install", "resource", _PROVIDER, wanted)
    return "", f"The first deployment downloads {_PROVIDER} {wanted}. Now, or from a file: {install} [--file FILE]"
