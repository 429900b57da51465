"""Predicts a sample request without a server. Runs in a project's serve environment.

Usage: predict.py MODEL REQUEST ANSWERS. The request has the format of Azure ML for MLflow models: `{"input_data": ...}`
with a table in pandas' "split" format or a list of rows. The predictions are written as a JSON list.
"""

import json
import sys
from pathlib import Path
from typing import Any

import mlflow.pyfunc  # type: ignore[import-not-found]
import pandas as pd  # type: ignore[import-untyped]


def main(model_folder: str, request: str, answers: str) -> None:
    """Predict the request in the file `request` with the model in `model_folder`; write the file `answers`."""
    model = mlflow.pyfunc.load_model(model_folder)
    rows = _table(json.loads(Path(request).read_text(encoding="utf-8"))["input_data"])
    schema = model.metadata.get_input_schema()
    if schema is not None and schema.has_input_names() and not schema.is_tensor_spec():
        # JSON has only one type of number; the model's signature has the types.
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
