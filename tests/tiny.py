"""The smallest project that `run` accepts. Tests add the pipeline that they need."""

from collections.abc import Mapping, Sequence

MLFLOW = ("mlflow-skinny==3.15.0", "sqlalchemy<3", "alembic<2")
"""The dependencies of a project whose runs are in MLflow."""


def tiny(
    files: Mapping[str, str], *, pipeline: str = "pipeline.yml", dependencies: Sequence[str] = ()
) -> dict[str, str]:
    """The files of the project `tiny`, for `build_tree`: its manifest, its pyproject.toml, and `files`.

    Args:
        pipeline: The pipeline file, which is one of `files`.
        dependencies: What its environment contains beside Python.
    """
    return {
        "mlops.yaml": f"""
            schema_version: 1
            tool: "0.1.*"
            name: tiny
            team: ours
            model: {{name: tiny, gate: gate.yml}}
            pipeline: {{file: {pipeline}, champion: evaluate.champion, model: model, evaluation: evaluation}}
            serve: {{deployment: deployment.yml, sample_request: sample.json, group: serve}}
            """,
        "pyproject.toml": f"""
            [project]
            name = "tiny"
            version = "0"
            requires-python = ">=3.11"
            dependencies = {list(dependencies)}
            [tool.uv]
            package = false
            """,
        **files,
    }
