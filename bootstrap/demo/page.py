"""The page of the tour: one HTML file, made from the JSON documents that the commands printed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstrap import __version__
from bootstrap.demo.tour import PLATFORM, PROJECT, TEAM, CommandResult
from bootstrap.model.records import Evaluation, read_record
from bootstrap.page import template
from bootstrap.page.graph import Node, levels
from bootstrap.stack.report.words import components
from infra.rules.rule import SEVERITIES


def render(results: Sequence[CommandResult], folder: Path) -> str:
    """Render the page of a tour in `folder`."""
    documents = {result.words: result.document for result in results}
    run = next(result.document for result in results if result.words == "run")
    evaluation = read_record(folder / PROJECT / run["outputs"]["evaluation"]["path"] / "evaluation.json", Evaluation)
    stacks = documents["plan"]["stacks"]
    grants = documents["platform access"]["grants"]
    page: str = template("bootstrap.demo", "page.html.j2").render(
        version=__version__,
        results=results,
        total=sum(result.seconds for result in results),
        platform=PLATFORM,
        team=TEAM,
        project=PROJECT,
        stacks=[_stack(stack) for stack in stacks],
        errors=sum(finding["severity"] == "error" for stack in stacks for finding in stack["findings"]),
        rules=_rules(stacks),
        people=_roles(grant for grant in grants if grant["kind"] != "workload"),
        workloads=_roles(grant for grant in grants if grant["kind"] == "workload"),
        grants_count=len(grants),
        pipeline=levels(
            {
                name: Node(name, job["status"], f"{job['status']}, {job['seconds']:.1f} s", job["after"])
                for name, job in run["jobs"].items()
            }
        ),
        evaluation=evaluation,
        metrics=[_metric(evaluation, name) for name in evaluation.metrics],
        gate=documents["model gate"],
        registered=documents["model register"]["version"],
        serving=documents["model serve"],
        report=run["outputs"].get("report", {}).get("path"),
    )
    return page.lstrip() + "\n"


def _stack(stack: Mapping[str, Any]) -> dict[str, Any]:
    resources = [one for one in stack["resources"] if one["type"].startswith("azure-native:")]
    bills: Counter[str] = Counter()
    for bill in stack["bills_while_idle"]:
        bills[f"{bill['what']}, by the {bill['per']}"] += bill["count"]
    budgets = [one["inputs"]["amount"] for one in resources if one["type"] == "azure-native:consumption:Budget"]
    return {
        "name": stack["name"],
        "count": len(resources),
        "resources": resources,
        "graph": levels(components(stack["resources"])),
        "budget": sum(budgets),
        "bills": bills.most_common(),
    }


def _roles(grants: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the roles of each principal in each stack, people first."""
    roles: dict[tuple[bool, str, str], dict[str, None]] = {}
    for grant in grants:
        roles.setdefault((grant["kind"] != "people", grant["who"], grant["stack"]), {})[grant["role"]] = None
    return [{"who": who, "stack": stack, "roles": list(found)} for (_, who, stack), found in sorted(roles.items())]


def _rules(stacks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the findings by rule, the gravest first; example values, which every new platform has, come last."""
    rules: dict[str, dict[str, Any]] = {}
    for stack in stacks:
        for one in stack["findings"]:
            rule = rules.setdefault(one["rule"], {**one, "name": one["rule"], "messages": []})
            rule["messages"].append((stack["name"], one["message"]))
    return sorted(
        rules.values(), key=lambda rule: (rule["name"] == "example-value", SEVERITIES.index(rule["severity"]))
    )


def _metric(evaluation: Evaluation, name: str) -> dict[str, Any]:
    """Return the values of a metric with their intervals; `left`, `middle` and `right` are percentages of a scale."""
    models = {"challenger": evaluation.challenger, "champion": evaluation.champion, "baseline": evaluation.baseline}
    scores = {
        model: found.metrics[name] for model, found in models.items() if found is not None and name in found.metrics
    }
    low, high = min(one.low for one in scores.values()), max(one.high for one in scores.values())

    def percent(number: float) -> float:
        return round(2 + 96 * (number - low) / ((high - low) or 1), 1)

    return {
        "name": name,
        "better": evaluation.metrics[name].better,
        "scores": [
            {"model": model, "value": one.value, "low": one.low, "high": one.high}
            | {"left": percent(one.low), "middle": percent(one.value), "right": percent(one.high)}
            for model, one in scores.items()
        ],
    }
