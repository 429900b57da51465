"""Scores files of the batch endpoint: `init` once per worker, `run` per mini-batch of file paths."""

import os
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd

model: Any = None
columns: list[str] = []


def init() -> None:
    """Load the MLflow model of the deployment."""
    global model, columns
    [found] = Path(os.environ["AZUREML_MODEL_DIR"]).rglob("MLmodel")
    model = mlflow.pyfunc.load_model(str(found.parent))
    columns = model.metadata.get_input_schema().input_names()


def run(mini_batch: list[str]) -> pd.DataFrame:
    """A row per scored row: the file, the row's number in it, and the prediction."""
    results = []
    for name in mini_batch:
        rows = pd.read_csv(name)[columns].astype("float64")
        predictions = np.asarray(model.predict(rows))
        results.append(pd.DataFrame({"file": Path(name).name, "row": rows.index, "prediction": predictions}))
    return pd.concat(results, ignore_index=True)
