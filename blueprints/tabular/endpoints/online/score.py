"""Answers requests of the online endpoint. Azure ML's inference server calls `init` once and `run` per request.

A request is `{"input_data": {"columns": [...], "data": [[...], ...]}}`; `input_data` may also be a list of mappings.
The response is a list with one prediction per row; an invalid request gets status 400 and the reason.
"""

import json
import os
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd

MAX_ROWS = 10_000

model: Any = None
columns: list[str] = []


class BadRequestError(ValueError):
    """The request is invalid; the message has the reason."""


def init() -> None:
    """Load the MLflow model of the deployment."""
    global model, columns
    [found] = Path(os.environ["AZUREML_MODEL_DIR"]).rglob("MLmodel")
    model = mlflow.pyfunc.load_model(str(found.parent))
    columns = model.metadata.get_input_schema().input_names()


def run(request: str) -> Any:
    """The predictions for one request."""
    try:
        rows = read(request)
    except BadRequestError as error:
        # Imported here, because only the serve environment has it: the tests of this file run without it.
        from azureml_inference_server_http.api.aml_response import AMLResponse

        return AMLResponse({"error": str(error)}, 400, json_str=True)
    return np.asarray(model.predict(rows)).tolist()


def read(request: str) -> pd.DataFrame:
    """The rows of a request as numbers, with the columns of the model's signature."""
    try:
        table = json.loads(request)["input_data"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadRequestError('The request must be JSON: {"input_data": ...}.') from error
    try:
        match table:
            case {"columns": names, "data": values}:
                frame = pd.DataFrame(values, columns=names)
            case [*records]:
                frame = pd.DataFrame.from_records(records)
            case _:
                raise TypeError("neither a table nor a list")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        form = '{"columns": [...], "data": [[...], ...]}'
        raise BadRequestError(f"input_data must be {form}, or a list of rows.") from error
    if not 0 < len(frame) <= MAX_ROWS:
        raise BadRequestError(f"A request must have 1 to {MAX_ROWS} rows; this one has {len(frame)}.")
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise BadRequestError(f"These columns are missing: {', '.join(missing)}.")
    try:
        rows = frame[columns].astype("float64")
    except (ValueError, TypeError) as error:
        raise BadRequestError(f"All values must be numbers: {error}.") from error
    wrong = [name for name in columns if not np.isfinite(rows[name]).all()]
    if wrong:
        raise BadRequestError(f"These columns have missing or infinite values: {', '.join(wrong)}.")
    return rows
