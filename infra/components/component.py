"""Component resources: the parents under which components create their resources."""

from collections.abc import Iterator
from contextlib import contextmanager

import pulumi

from infra.origin import set_origin


@contextmanager
def component(
    type_: str, name: str, opts: pulumi.ResourceOptions, origin: str | None = None
) -> Iterator[pulumi.ComponentResource]:
    """Create a component resource, whose children the block creates.

    Args:
        type_: Its type token without the package: `guardrails:Budget`.
        name: Its name in the stack.
        opts: Its options. Children inherit the provider.
        origin: The manifest line that configures it, unless that is its parent's.
    """
    parent = pulumi.ComponentResource(f"bootstrap:{type_}", name, None, opts)
    if origin is not None:
        set_origin(parent, origin)
    yield parent
    parent.register_outputs({})
