"""Platforms of any size for benchmarks: copies of the teams of examples/contoso, each with its own name.

A third of the teams is locked, with its own address ranges; all are linked, and twenty share a subscription.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from bootstrap.yaml import read

CONTOSO = Path(__file__).parents[1] / "examples" / "contoso"
_EXAMPLES = ("forecasting", "fraud", "vision")


def of_teams(root: Path, count: int) -> Path:
    """Write a platform of `count` teams, each a copy of one of the example's, and return its folder.

    Each team has three environments, so the stacks are the hub and three for each team.
    """
    (root / "teams").mkdir(parents=True)
    shutil.copyfile(CONTOSO / "platform.yaml", root / "platform.yaml")
    examples = {name: (CONTOSO / "teams" / f"{name}.yaml").read_text(encoding="utf-8") for name in _EXAMPLES}
    links = read(CONTOSO / "links.yaml").data
    linked = {}
    for number in range(count):
        example = _EXAMPLES[number % len(_EXAMPLES)]
        name = f"{example}-{number:04}"
        (root / "teams" / f"{name}.yaml").write_text(_team(examples[example], example, number), encoding="utf-8")
        linked[name] = _links(links["teams"][example], number)
    # JSON is YAML.
    (root / "links.yaml").write_text(json.dumps({**links, "teams": linked}, indent=1), encoding="utf-8")
    return root


def _team(text: str, example: str, number: int) -> str:
    """The manifest of a team with another name, and its own groups, repositories and addresses."""
    name = f"{example}-{number:04}"
    subscription = f"00000000-0000-0000-0000-{number // 20 + 1:010}a0"
    text = text.replace("00000000-0000-0000-0000-0000000000a0", subscription).replace(f"-{example}", f"-{name}")
    line = "" if "\nsubscription_id:" in text else f"\nsubscription_id: {subscription}"
    text = text.replace(f"name: {example}\n", f"name: {name}{line}\n").replace("contoso/", f"{name}/")
    text = re.sub(r"\b([1-9])\1{7}-", rf"{number:07}\1-", text)
    adopted = "00000000-0000-0000-0000-0000000000e0/resourceGroups/rg-demand"
    text = text.replace(adopted, f"{subscription}/resourceGroups/rg-demand-{number:04}")
    # The hub links each existing network of the organization: its plan would grow with the number of teams.
    text = re.sub(r"\bsubnet_id: \S+", "address_space: 10.40.3.0/24", text)
    second, third = 64 + number // 64, number % 64 * 4
    return re.sub(r"\b10\.40\.([123])\.", lambda found: f"10.{second}.{third + int(found[1])}.", text)


def _links(projects: dict[str, Any], number: int) -> dict[str, Any]:
    text = json.dumps(projects)
    made: dict[str, Any] = json.loads(text.replace("@1001", f"@{9000 + number}").replace("AAAA", f"{number:04}"))
    return made
