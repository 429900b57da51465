"""What a plan must satisfy: rules over plain resources, for plans (`bootstrap.stack.plan.checks`) and the engine alike.

`rule` says what a rule is, `rules` is the table of all; the other modules hold their data and what they judge by.
"""

from pathlib import Path

PACK_FOLDER = Path(__file__).parent
"""The folder of the policy pack, for `pulumi --policy-pack`: it holds `PulumiPolicy.yaml`."""
