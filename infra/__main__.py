"""The program of plain `pulumi preview` and `pulumi up`; docs/plan.md describes how to pass a stack's settings."""

import pulumi

from infra.programs import create_resources
from infra.settings import from_json

create_resources(from_json(pulumi.Config().require("settings")))
