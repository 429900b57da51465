"""Samples the trials of a sweep job. The same file gives the same trials: Azure ML's samples differ in every run.

https://learn.microsoft.com/azure/machine-learning/how-to-tune-hyperparameters
"""

import itertools
import math
import random
from collections.abc import Callable, Mapping

from bootstrap.pipeline.graph import Value
from bootstrap.pipeline.schema import SpaceKeys


def grid(space: Mapping[str, SpaceKeys], most: int) -> tuple[Mapping[str, Value], ...]:
    """All combinations of the choices, in the order of the file; at most `most`."""
    combinations = itertools.product(*(one.values for one in space.values()))
    return tuple(dict(zip(space, values, strict=True)) for values in itertools.islice(combinations, most))


def randomly(space: Mapping[str, SpaceKeys], count: int, seed: int) -> tuple[Mapping[str, Value], ...]:
    """`count` independent samples."""
    source = random.Random(seed)  # noqa: S311 - not for secrets
    return tuple({name: _DRAWS[one.type](source, one) for name, one in space.items()} for _ in range(count))


def _rounded(value: float, keys: SpaceKeys) -> float:
    return round(value / keys.q) * keys.q


def _uniform(source: random.Random, keys: SpaceKeys) -> float:
    return source.uniform(keys.min_value, keys.max_value)


def _normal(source: random.Random, keys: SpaceKeys) -> float:
    return source.gauss(keys.mu, keys.sigma)


_DRAWS: Mapping[str, Callable[[random.Random, SpaceKeys], Value]] = {
    "choice": lambda source, keys: source.choice(keys.values),
    "randint": lambda source, keys: source.randrange(keys.upper),
    "uniform": _uniform,
    "loguniform": lambda source, keys: math.exp(_uniform(source, keys)),
    "quniform": lambda source, keys: _rounded(_uniform(source, keys), keys),
    "qloguniform": lambda source, keys: _rounded(math.exp(_uniform(source, keys)), keys),
    "normal": _normal,
    "lognormal": lambda source, keys: math.exp(_normal(source, keys)),
    "qnormal": lambda source, keys: _rounded(_normal(source, keys), keys),
    "qlognormal": lambda source, keys: _rounded(math.exp(_normal(source, keys)), keys),
}
"""A sample of each type of search space."""
