"""A platform repository and the simulated Azure that it is deployed to, by the real engine."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from bootstrap.simulator.provider import install
from bootstrap.simulator.store import Store
from tests.helpers import Done, run_here
from tests.worlds import world

STACKS = ("hub", "fraud-dev")

PASSPHRASE = "canary-of-the-passphrase-c05b"
"""Of the states. It must be in no file."""


@dataclass(frozen=True)
class Estate:
    """A platform repository, and the Azure that it is deployed to.

    Attributes:
        env: Environment variables of the engine.
    """

    root: Path
    azure: Store
    env: dict[str, str]

    @property
    def store(self) -> Path:
        """The file with the resources of this Azure."""
        return self.root.parent / "azure.sqlite"

    def run(self, *arguments: str, **env: str) -> Done:
        """Run the command line in the repository."""
        path = os.pathsep.join([str(self.root.parent / "bin"), os.environ["PATH"]])
        return run_here(*arguments, cwd=self.root, env={"PATH": path, **self.env, **env})

    def up(self, *arguments: str) -> Done:
        """Deploy, and do not ask."""
        return self.run("up", *arguments, "--yes", "--confirm", "hub", "-o", "json")

    def copy(self, to: Path) -> "Estate":
        """The same, in other folders."""
        shutil.copytree(self.root.parent, to)
        return estate(to)

    def id_of(self, part: str) -> str:
        """The id of the one resource whose id ends with a part."""
        [found] = [id_ for id_ in self.azure.ids if id_.endswith(part)]
        return found

    def change_behind_its_back(self, id_: str) -> None:
        inputs = self.azure.get(id_)
        assert inputs is not None
        self.azure.put(id_, {**inputs, "tags": {"by": "hand"}})


def estate(folder: Path) -> Estate:
    install(folder / "bin", folder / "azure.sqlite")
    env = {
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    return Estate(folder / "platform", Store(folder / "azure.sqlite"), env)


def new_estate(folder: Path) -> Estate:
    """A platform of which nothing is deployed."""
    world(folder / "platform")
    return estate(folder)
