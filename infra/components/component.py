"""Component resources: the parents under which components create their resources."""

from types import TracebackType
from typing import Self

import pulumi

from infra.origin import set_origin


class Component(pulumi.ComponentResource):
    """A component resource. Its `with` block creates the children."""

    def __init__(self, type_: str, name: str, opts: pulumi.ResourceOptions, origin: str | None = None) -> None:
        """Create the component resource.

        Args:
            type_: Its type token without the package: `guardrails:Budget`.
            name: Its name in the stack.
            opts: Its options. Children inherit the provider.
            origin: The manifest line that configures it; None for that of its parent.
        """
        super().__init__(f"bootstrap:{type_}", name, None, opts)
        if origin is not None:
            set_origin(self, origin)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Tells Pulumi that all children are created.
        self.register_outputs({})
