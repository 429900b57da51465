"""Check the data and split it into training rows and test rows."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
from pandera.errors import SchemaErrors

from contract import SCHEMA

MINIMUM_ROWS = 20
"""The minimum number of rows on each side of the split."""


def load(path: Path) -> pd.DataFrame:
    """Read a CSV file, or all CSV files of a folder in the order of their names.

    The number of a row is its id in all later files.
    """
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise SystemExit(f"{path} contains no CSV file.")
    frames = [pd.read_csv(file, float_precision="round_trip") for file in files]
    frame = pd.concat(frames, ignore_index=True)
    frame.index.name = "row"
    return frame


def check(frame: pd.DataFrame, target: str) -> list[dict[str, Any]]:
    """The results of the contract and of checks of the whole table: name, whether it passed, and a message."""
    try:
        SCHEMA.validate(frame, lazy=True)
        found = [("contract", True, f"{len(frame)} rows, {len(frame.columns)} columns")]
    except SchemaErrors as errors:
        cases = errors.failure_cases.astype({"column": "string", "check": "string"})
        grouped = cases.fillna({"column": "table"}).groupby(["column", "check"], sort=True)
        found = [
            (f"contract: {column}", False, f"{name}: {len(group)} cases, for example {group['failure_case'].iloc[0]}")
            for (column, name), group in grouped
        ]
    twice = int(frame.duplicated().sum())
    found.append(("no duplicate rows", twice == 0, f"{twice} of {len(frame)} rows are copies"))
    values = int(frame[target].nunique())
    found.append(("the target varies", values > 1, f"{values} different values"))
    return [{"name": name, "passed": passed, "message": message} for name, passed, message in found]


def held_out(frame: pd.DataFrame, target: str, fraction: float, seed: int) -> pd.Series:
    """Which rows are test rows: a seeded choice by the features of each row.

    The side of a row does not change when other rows are added, removed or reordered, and copies are on the same side.
    So a champion is never scored on its training rows, as long as the seed and the fraction do not change.
    """
    features = frame.drop(columns=target).astype("float64")
    features.insert(0, "seed", float(seed))
    shares = pd.util.hash_pandas_object(features, index=False) / 2.0**64
    return shares < fraction


def prepare(data: Path, output: Path, *, target: str, test_fraction: float, split_seed: int) -> dict[str, int]:
    """Write `train.csv`, `test.csv` and `data_checks.json` into `output`; return how many rows each side has."""
    frame = load(data)
    if target not in frame.columns:
        raise SystemExit(f"{data} has no column {target!r}. Its columns: {', '.join(frame.columns)}")
    words = [str(name) for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    if words:
        raise SystemExit(f"{data}: not all values are numbers in {', '.join(words)}. Encode them as numbers first.")
    checks = check(frame, target)
    complete = frame.dropna()
    missing = len(frame) - len(complete)
    checks.append({"name": "no missing values", "passed": missing == 0, "message": f"{missing} rows left out"})
    test = held_out(complete, target, test_fraction, split_seed)
    sides = {"train": complete[~test], "test": complete[test]}
    for name, side in sides.items():
        if len(side) < MINIMUM_ROWS:
            raise SystemExit(f"{len(side)} rows are too few for {name}.csv: at least {MINIMUM_ROWS} are needed.")
    output.mkdir(parents=True, exist_ok=True)
    for name, side in sides.items():
        # One type for all numbers: the model's signature then has no integer columns.
        side.astype("float64").to_csv(output / f"{name}.csv", lineterminator="\n")
    (output / "data_checks.json").write_text(json.dumps(checks, indent=2) + "\n", encoding="utf-8")
    return {name: len(side) for name, side in sides.items()}


def main() -> None:
    """Parse the command line of component.yml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a CSV file, or a folder of them")
    parser.add_argument("--target", required=True, help="the column to predict")
    parser.add_argument("--test-fraction", type=float, required=True, help="share of test rows, 0 to 1")
    parser.add_argument("--split-seed", type=int, required=True, help="seed of the split")
    parser.add_argument("--output", type=Path, required=True, help="folder for the result")
    given = parser.parse_args()
    rows = prepare(
        given.data,
        given.output,
        target=given.target,
        test_fraction=given.test_fraction,
        split_seed=given.split_seed,
    )
    checks = json.loads((given.output / "data_checks.json").read_text(encoding="utf-8"))
    for item in checks:
        print(f"{'passed' if item['passed'] else 'FAILED'}: {item['name']} ({item['message']})")
    print(f"{rows['train']} training rows, {rows['test']} test rows")


if __name__ == "__main__":
    main()
