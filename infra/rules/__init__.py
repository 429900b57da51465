"""Rules on stacks, for plans (`bootstrap.stack.plan.checks`) and for the engine (`pack`).

`rule` is the data model; `rules` has the table of all rules and the functions that apply them; each other module has
the rules on one subject. A rule is for what manifests, existing resources or changes can violate; tests check what the
programs always configure (tests/unit/infra/test_requirements.py).
"""

from pathlib import Path

PACK_FOLDER = Path(__file__).parent
"""The folder of the policy pack, for `pulumi --policy-pack`: it holds `PulumiPolicy.yaml`."""
