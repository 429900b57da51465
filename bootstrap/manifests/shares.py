"""Shares of a platform's stacks, one for each job of a forge that deploys some of them."""

import itertools
from collections.abc import Sequence
from math import ceil

from bootstrap.errors import InputError, did_you_mean
from bootstrap.manifests.platform import Platform
from infra.settings import EnvironmentSettings


def shares(
    platform: Platform, *, ring: int | None = None, environment: str | None = None, jobs: int
) -> list[dict[str, str]]:
    """The stacks of environments in shares of about the same size, each of one environment: it has one login.

    The hub is in none: a person deploys it.

    Args:
        ring: Only environments of this ring.
        environment: Only this environment.
        jobs: How many shares there may be; each environment has at least one.

    Returns:
        For each share its name (`share`), its `environment`, whether that has `protect`, the environment of the forge
        whose reviewers approve (`approval`), and its `stacks`, with a space between their names.

    Raises:
        InputError: There is no such ring or environment.
    """
    declared = platform.manifests.platform.value.environments
    if environment is not None and environment not in declared:
        raise InputError(f"There is no environment {environment!r}.", hint=did_you_mean(environment, declared))
    rings = sorted({one.ring for one in declared.values()})
    if ring is not None and ring not in rings:
        raise InputError(f"There is no ring {ring}.", why=f"Rings of environments: {', '.join(map(str, rings))}.")
    stacks = [
        settings
        for settings in platform.stacks.values()
        if isinstance(settings, EnvironmentSettings)
        and (ring is None or settings.ring == ring)
        and (environment is None or settings.environment == environment)
    ]
    by_environment: dict[str, list[EnvironmentSettings]] = {}
    for settings in stacks:
        by_environment.setdefault(settings.environment, []).append(settings)
    size = next(
        size
        for size in itertools.count(1)
        if sum(ceil(len(members) / size) for members in by_environment.values()) <= max(jobs, len(by_environment))
    )
    return [
        _share(name, number, members[number :: ceil(len(members) / size)])
        for name, members in by_environment.items()
        for number in range(ceil(len(members) / size))
    ]


def _share(environment: str, number: int, stacks: Sequence[EnvironmentSettings]) -> dict[str, str]:
    protect = any(one.protect for one in stacks)
    return {
        "share": f"{environment}-{number + 1}",
        "environment": environment,
        "approval": f"{environment}-approval" if protect else environment,
        "protect": "true" if protect else "false",
        "stacks": " ".join(one.stack for one in stacks),
    }
