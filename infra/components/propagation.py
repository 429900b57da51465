"""Retries of resources that need a role which the same stack assigns: roles become effective minutes later.

Azure does not tell when: reading an assignment back proves nothing (https://github.com/Azure/azure-cli/issues/22510).
It accepts one change of a private link scope at a time, and several stacks add resources to it. So the failed
operation itself is repeated, by an error hook of the engine:
https://www.pulumi.com/docs/iac/concepts/options/hooks/
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import pulumi

from infra.tables.azure_errors import Consumer, known_error, passes

DELAYS = (10, 20, 40, *[60] * 9)
"""Seconds before each retry: together the ten minutes that Azure may need.
https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected"""

wait: Callable[[float], Awaitable[None]] = asyncio.sleep
"""Waits for seconds. A rehearsal moves the clock of the simulated Azure instead."""

_ACCEPTED = " error occurred:"
"""In the engine's message on an operation that Azure accepted and that failed afterwards (`InitError` in
sdk/go/common/resource/plugin/provider_plugin.go). The resource exists then, and a repeated creation would be refused.
The engine records it as created, and the next `up` updates it."""


def retry_with_new_roles(role_assignments: Sequence[pulumi.Resource]) -> pulumi.ResourceHookBinding | None:
    """The hook of a resource whose identity needs these roles of the stack; None where there are none."""
    return retry_until_effective("identity") if role_assignments else None


def retry_until_effective(consumer: Consumer) -> pulumi.ResourceHookBinding:
    """The hook that repeats a creation or an update of a resource while a role may not be effective."""
    stack = pulumi.runtime.get_root_resource()
    assert stack is not None
    # The engine accepts a hook's name once for each stack. A hook refers to its stack through the context in which it
    # was registered: a table here would keep every planned stack in memory.
    hooks: dict[Consumer, pulumi.ErrorHook] = vars(stack).setdefault("_error_hooks", {})
    if consumer not in hooks:
        # Only the program knows that this is a preview: the engine calls the hook there, too.
        hooks[consumer] = pulumi.ErrorHook(
            f"retry-{consumer}".replace(" ", "-"), partial(_retry, consumer, is_preview=pulumi.runtime.is_dry_run())
        )
    return pulumi.ResourceHookBinding(on_error=[hooks[consumer]])


async def _retry(consumer: Consumer, failed: pulumi.ErrorHookArgs, *, is_preview: bool) -> bool:
    """Whether the engine repeats the operation, after a delay."""
    error, attempt = failed.errors[0], len(failed.errors)
    if is_preview or attempt > len(DELAYS) or failed.failed_operation == "delete":
        return False
    if _ACCEPTED in error.partition("\n")[0] or not passes(error, consumer):
        return False
    delay = DELAYS[attempt - 1]
    known = known_error(error)
    cause = known["cause"] if known is not None else ""
    pulumi.log.info(f"{failed.name}: next attempt in {delay} s. {cause} {error}")
    await wait(delay)
    return True
