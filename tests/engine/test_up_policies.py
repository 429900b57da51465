"""`up` lets the engine judge what it deploys by the policy pack, with the suppressions of the manifests."""

from pathlib import Path

import pytest

from bootstrap.errors import RefusedError
from bootstrap.manifests.platform import load_platform
from bootstrap.simulator.provider import Provider
from bootstrap.stack.deploy.engine import Engine
from bootstrap.stack.deploy.operations import EngineStack
from tests.engine.stacks import backend_before
from tests.worlds import TEAM, changed, world

pytestmark = pytest.mark.slow

RETIRED = "dev:\n    compute: [{name: cpu, size: Standard_NC6s_v3, max_nodes: 1}]"
SUPPRESSED = f"{RETIRED}\n    suppress: [{{rule: size-retired, reason: quota is reserved, until: 2030-01-01}}]"


@pytest.mark.parametrize("environment", [RETIRED, SUPPRESSED])
def test_policy_pack_refuses_what_no_manifest_permits(
    engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    settings = load_platform(world(tmp_path / "platform", team=changed(TEAM, ("dev: {}", environment)))).stacks[
        "fraud-dev"
    ]
    azure = Provider()
    with backend_before(azure, engine, tmp_path, monkeypatch) as backend:
        stack = EngineStack(Engine(), backend, settings)

        if environment == SUPPRESSED:
            stack.up(lambda _: None)
        else:
            with pytest.raises(RefusedError, match="policy pack refuses") as caught:
                stack.up(lambda _: None)
            assert any("size-retired" in line and "cluster-cpu" in line for line in caught.value.details)

    assert any(id_.endswith("/computes/cpu") for id_ in azure.ids) == (environment == SUPPRESSED)
