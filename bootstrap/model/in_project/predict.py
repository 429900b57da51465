"""The model's own answers to a sample request, with no server. Runs in a project's serve environment, never in ours.

Usage: predict.py MODEL REQUEST ANSWERS. The request has Azure ML's form for MLflow models, `{"input_data": ...}` with a
table in pandas' "split" form or a list of rows; the answers are written as a JSON list.
"""

import json
import sys
from pathlib import Path
from typing import Any

import mlflow.pyfunc  # type: ignore[import-not-found]
import pandas as pd  # type: ignore[import-untyped]


def main(model_folder: str, request: str, answers: str) -> None:
    """Write the answers of the model in `model_folder` to the file `request` into the file `answers`."""
    model = mlflow.pyfunc.load_model(model_folder)
    rows = _table(json.loads(Path(request).read_text(encoding="utf-8"))["input_data"])
    schema = model.metadata.get_input_schema()
    if schema is not None and schema.has_input_names() and not schema.is_tensor_spec():
        # JSON has one kind of number; the signature says which one is meant.
        rows = rows.astype(dict(zip(schema.input_names(), schema.pandas_types(), strict=True)))
    predictions: Any = model.predict(rows)
    if hasattr(predictions, "to_numpy"):
        predictions = predictions.to_numpy()
    listed = predictions.tolist() if hasattr(predictions, "tolist") else list(predictions)
    Path(answers).write_text(json.dumps(listed), encoding="utf-8")


def _table(data: Any) -> "pd.DataFrame":
    if isinstance(data, dict):
        return pd.DataFrame(data["data"], columns=data["columns"])
    return pd.DataFrame(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
