"""Platforms of any size, for benchmarks: the teams of examples/contoso again and again, under names of their own."""

import shutil
from pathlib import Path

CONTOSO = Path(__file__).parents[1] / "examples" / "contoso"


def of_teams(root: Path, count: int) -> Path:
    """Write a platform of `count` teams, each a copy of the example's team `fraud`, and return its folder."""
    (root / "teams").mkdir(parents=True)
    shutil.copyfile(CONTOSO / "platform.yaml", root / "platform.yaml")
    team = (CONTOSO / "teams" / "fraud.yaml").read_text(encoding="utf-8")
    for number in range(count):
        name = f"team-{number:04}"
        text = team.replace("name: fraud", f"name: {name}").replace("contoso/churn", f"contoso/{name}")
        (root / "teams" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return root
