"""The page of the tour: one HTML file that needs nothing else, made from what the steps printed as JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstrap import __version__
from bootstrap.demo.tour import PLATFORM, PROJECT, Step
from bootstrap.model.records import Evaluation, Interval, read_record
from bootstrap.page import template
from bootstrap.page.drawing import Bar, Node, graph, intervals
from bootstrap.stack.report.components import as_drawing


def render(steps: Sequence[Step], folder: Path) -> str:
    """The page of a tour that was taken in `folder`."""
    from markupsafe import Markup

    documents = {step.words: step.document for step in steps}
    run = next(step.document for step in steps if step.words == "run")
    evaluation = _evaluation(folder / PROJECT, run)
    page: str = template("bootstrap.demo", "page.html.j2").render(
        version=__version__,
        steps=steps,
        total=sum(step.seconds for step in steps),
        platform=PLATFORM,
        project=PROJECT,
        stacks=[_stack(stack) for stack in documents["plan"]["stacks"]],
        drawing=Markup,
        pipeline=pipeline_graph(run["jobs"]),
        evaluation=evaluation,
        metrics=[(name, metric.better, _bars(evaluation, name)) for name, metric in evaluation.metrics.items()],
        gate=documents["model gate"],
        registered=documents["model register"]["version"],
        serving=documents["model serve"],
        report=run["outputs"].get("report", {}).get("path"),
    )
    return page + "\n"


def _evaluation(project: Path, run: Mapping[str, Any]) -> Evaluation:
    return read_record(project / run["outputs"]["evaluation"]["path"] / "evaluation.json", Evaluation)


def _bars(evaluation: Evaluation, metric: str) -> str:
    models = {"challenger": evaluation.challenger, "champion": evaluation.champion, "baseline": evaluation.baseline}
    scores: dict[str, Interval] = {
        name: model.metrics[metric] for name, model in models.items() if model is not None and metric in model.metrics
    }
    bars = [Bar(name, number.value, number.low, number.high, name) for name, number in scores.items()]
    return intervals(bars, f"{metric} of {', '.join(scores)} with intervals")


def pipeline_graph(jobs: Mapping[str, Any]) -> str:
    """The jobs of a run as an SVG graph, each with how it ended and how long it took."""
    nodes = {
        name: Node(name, f"{job['status']}, {job['seconds']:.1f} s", job["status"], job["after"])
        for name, job in jobs.items()
    }
    return graph(nodes, f"pipeline of {len(nodes)} jobs")


def _stack(stack: Mapping[str, Any]) -> dict[str, Any]:
    resources = stack["resources"]
    kinds = Counter(resource["type"] for resource in resources if resource["type"].startswith("azure-native:"))
    return {
        "name": stack["name"],
        "program": stack["program"],
        "count": sum(kinds.values()),
        "kinds": sorted(kinds.items(), key=lambda item: (-item[1], item[0])),
        "resources": [resource for resource in resources if resource["type"].startswith("azure-native:")],
        "findings": stack["findings"],
        "graph": as_drawing(resources),
    }
