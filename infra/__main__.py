"""The program of plain `pulumi preview` and `pulumi up`; docs/plan.md tells how to hand it a stack's settings."""

import pulumi

from infra.programs import declare
from infra.settings import from_json

declare(from_json(pulumi.Config().require("settings")))
