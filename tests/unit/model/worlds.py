"""A project with one completed run, written by hand: the input of gate and registry, without a pipeline or MLflow."""

import json
import math
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.digest import digest_file, digest_text, digest_tree
from bootstrap.model.records import Champion
from bootstrap.project import Project, find_project
from tests.helpers import build_tree

SHA = "a" * 64
RUN = "20261124-101500-ab12"

MANIFEST = """
    schema_version: 1
    tool: "0.*"
    name: churn
    team: fraud
    model: {name: NAME, gate: gate.yml}
    pipeline:
      file: pipelines/train.yml
      champion: evaluate.champion
      model: model
      evaluation: evaluation
    serve:
      deployment: endpoints/online/deployment.yml
      sample_request: endpoints/online/sample-request.json
      group: serve
    """

GATE = """
    schema_version: 1
    rules:
      - {name: good enough, metric: rmse, at_most: 65}
      - {name: explains enough, metric: r2, at_least: 0.2}
      - {name: beats the baseline, metric: rmse, better_than: baseline}
      - {name: holds the champion, metric: rmse, not_worse_than: champion, margin: 0.5, without_champion: passes}
      - {name: fair to both sexes, metric: rmse, per_group: sex, at_most: 75}
      - {name: clean data, data_checks: passed}
    """

KEPT = {"gate.yml": GATE, "uv.lock": "version = 1\n"}
"""Files that are written only if the test has not written them."""

# Errors of 54 in each row; the baseline predicts the mean of the true values, whose deviations are -d, 0 and d.
_TRUTH = (100 - math.sqrt(7776), 100.0, 100 + math.sqrt(7776)) * 20
_ROWS = [(number, value, 54.0**2, (value - 100) ** 2) for number, value in enumerate(_TRUTH)]
_SEXES = ("1", "2", "2") * 20

EVALUATION: dict[str, Any] = {
    "schema_version": 1,
    "problem": "regression",
    "rows": {"count": 60, "sha256": SHA},
    "champion_rows": None,
    "losses": {"path": "losses.csv", "sha256": SHA},
    "confidence": 0.95,
    "metrics": {"rmse": {"better": "lower"}, "r2": {"better": "higher"}},
    "challenger": {
        "sha256": SHA,
        "metrics": {"rmse": {"value": 54, "low": 49, "high": 60}, "r2": {"value": 0.4375, "low": 0.35, "high": 0.6}},
        "groups": {"sex": {"1": {"rmse": 54}, "2": {"rmse": 54}}},
    },
    "champion": None,
    "baseline": {
        "metrics": {"rmse": {"value": 72, "low": 66, "high": 78}, "r2": {"value": 0, "low": -0.1, "high": 0.1}}
    },
    "differences": {
        "baseline": {"rmse": {"value": -18, "low": -24, "high": -12}, "r2": {"value": 0.4375, "low": 0.35, "high": 0.6}}
    },
    "data_checks": [{"name": "schema", "passed": True, "message": "442 rows"}],
}


def evaluation(champion: Champion | None = None) -> dict[str, Any]:
    """An evaluation that passes `GATE`; a champion is as good as the challenger."""
    document = deepcopy(EVALUATION)
    if champion:
        document["champion"] = deepcopy(document["challenger"]) | {"sha256": champion.sha256}
        document["champion_rows"] = deepcopy(document["rows"])
        document["differences"]["champion"] = {
            "rmse": {"value": 0, "low": -0.4, "high": 0.4},
            "r2": {"value": 0, "low": -0.01, "high": 0.01},
        }
    return document


@dataclass
class World:
    """A project with one completed run. Change `evaluation`, `losses` or `run`, then `write`."""

    root: Path
    evaluation: dict[str, Any] = field(default_factory=evaluation)
    losses: str = "row,truth,challenger,baseline,champion,group:sex\n" + "".join(
        f"{row},{truth!r},{challenger!r},{baseline!r},{challenger!r},{sex}\n"
        for (row, truth, challenger, baseline), sex in zip(_ROWS, _SEXES, strict=True)
    )
    run: dict[str, Any] = field(default_factory=dict)
    name: str = "churn"
    model: dict[str, str] = field(default_factory=lambda: {"MLmodel": "flavors: {}\n"})

    def write(self, run_id: str = RUN) -> Project:
        """Write all files with their digests."""
        step = f".mlops/steps/train-{run_id}"
        build_tree(
            self.root,
            {
                "mlops.yaml": MANIFEST.replace("NAME", self.name),
                "pipelines/train.yml": "type: pipeline\n",
                "data/train.csv": "x,y\n1,2\n",
                **{f"{step}/model/{path}": text for path, text in self.model.items()},
                f"{step}/evaluation/losses.csv": self.losses,
                f"{step}/step-code/train.py": "print('training')\n",
                "components/train/train.py": "print('training')\n",
                **{path: text for path, text in KEPT.items() if not (self.root / path).exists()},
            },
        )
        model = {"path": f"{step}/model", "sha256": digest_tree(self.root / step / "model")}
        folder = self.root / step / "evaluation"
        document = deepcopy(self.evaluation)
        if document["challenger"]["sha256"] == SHA:
            document["challenger"]["sha256"] = model["sha256"]
        for rows in (document["rows"], document["champion_rows"] or {}):
            if rows.get("sha256") == SHA:
                rows["sha256"] = digest_text("".join(f"{row},{truth!r}\n" for row, truth, *_ in _ROWS))
        if document["losses"]["sha256"] == SHA:
            document["losses"]["sha256"] = digest_file(folder / "losses.csv")
        (folder / "evaluation.json").write_text(json.dumps(document), encoding="utf-8")
        outputs = {"model": model, "evaluation": self._artifact(f"{step}/evaluation")}
        job = {
            "component": "train",
            "status": "completed",
            "seconds": 1.0,
            "key": SHA,
            "after": [],
            "inputs": {},
            "outputs": outputs,
            "source": "components/train",
            "code": self._artifact(f"{step}/step-code"),
        }
        run = {
            "schema_version": 1,
            "id": run_id,
            "project": "churn",
            "model": self.name,
            "pipeline": self._artifact("pipelines/train.yml"),
            "status": "completed",
            "started_at": "2026-11-24T10:15:00+00:00",
            "seconds": 1.0,
            "inputs": {"data": self._artifact("data/train.csv"), "trials": 20},
            "champion": None,
            "jobs": {"train": job},
            "outputs": outputs,
            "git": {"commit": "c" * 40, "dirty": False},
            "lock_sha256": digest_file(self.root / "uv.lock"),
            "python": "3.11.9",
            "tool": "0.1.0",
            "mlflow_run_id": "f" * 32,
        } | self.run
        path = self.root / ".mlops" / "runs" / run_id / "run.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(run), encoding="utf-8")
        return find_project(self.root)

    def _artifact(self, path: str) -> dict[str, str]:
        return {"path": path, "sha256": digest_tree(self.root / path)}


def register_by_hand(root: Path, text: str = "the champion\n", number: str = "1", stage: str = "champion") -> Champion:
    """Create a version in the registry's folder, as `register` does."""
    incoming = build_tree(root / "incoming", {"model/MLmodel": text})
    sha256 = digest_tree(incoming / "model")
    folder = root / ".mlops" / "registry" / "churn" / sha256
    folder.parent.mkdir(parents=True, exist_ok=True)
    incoming.rename(folder)
    record = {
        "schema_version": 1,
        "name": "churn",
        "version": number,
        "stage": stage,
        "model": {"path": f".mlops/registry/churn/{sha256}/model", "sha256": sha256},
        "registered_at": f"2026-11-2{number}T10:00:00+00:00",
        "tags": {},
    }
    (folder / "version.json").write_text(json.dumps(record), encoding="utf-8")
    return Champion(version=number, sha256=sha256)
