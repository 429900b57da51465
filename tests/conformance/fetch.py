"""Get the definitions that the conformance tests read, from the public repositories of their owners.

`make arm-types` runs `python -m tests.conformance.fetch FOLDER`; `MLOPS_BOOTSTRAP_ARM_TYPES=FOLDER make test` uses it.
The commits are pinned. The types are those that the simulator knows, at the API versions of the SDK.
"""

import importlib
import inspect
import json
import re
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bootstrap.simulator.kinds import KINDS
from infra.tables.azure_policies import LEGACY_MODE, POLICIES
from tests.conformance.arm import FILE, SAME_TYPE, SENT_BY_HAND

RAW = "https://raw.githubusercontent.com"
TYPES = "Azure/bicep-types-az/1f896de2db966ad91e8f7d7d981e11d32e4f5d8d/generated"
POLICY_FILES = (
    "Azure/azure-policy/f4a50bacae07ddb096943c597669bcae494a6e29/built-in-policies/policyDefinitions/Machine%20Learning"
)

POLICY_NAMES = (
    "DisableLocalAuth_Audit.json", "IdleShutdown_Audit.json", "ManagedNetworkIsolationMode_Audit.json",
    "AuditDiagnosticLog_Audit.json", "Workspace_CMKEnabled_Audit.json", "Workspace_EnableV1LegacyMode_Audit.json",
    "Workspace_PrivateEndpoint_Audit_V2.json", "Workspace_PublicNetworkAccessDisabled_Audit.json",
    "Workspace_UAIEnabled_Audit.json",
)  # fmt: skip
"""The files of the built-in policies that the hub assigns, and of the one that it never assigns."""


def fetch(folder: Path, host: str = RAW) -> None:
    """Write `arm-types.json` and `policies/ID.json` into a folder.

    Raises:
        OSError: A file cannot be downloaded or written.
        LookupError: The index does not have a type, or a policy is not in any of the files.
    """
    index = _get(f"{host}/{TYPES}/index.json")["resources"]
    by_name = {name.lower(): (name, row["$ref"]) for name, row in index.items()}
    resources: dict[str, Any] = {}
    types: list[Any] = []
    documents: dict[str, list[Any]] = {}
    for token, wanted in wanted_types():
        name, reference = by_name[wanted.lower()]
        path, _, number = reference.partition("#/")
        if path not in documents:
            documents[path] = _get(f"{host}/{TYPES}/{path}")
        resources[name] = {"pulumi": token, "body": _copied(documents[path], int(number), types)}
    content = {"source": f"{TYPES} (MIT)", "resources": resources, "types": types}
    (folder / "policies").mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps(content), encoding="utf-8")
    wanted_ids = {LEGACY_MODE, *(policy.id for policy in POLICIES)}
    for file in POLICY_NAMES:
        policy = _get(f"{host}/{POLICY_FILES}/{file}")
        (folder / "policies" / f"{policy['name']}.json").write_text(json.dumps(policy), encoding="utf-8")
        wanted_ids.discard(policy["name"])
    if wanted_ids:
        raise LookupError(f"no file has the policies {', '.join(sorted(wanted_ids))}")


def wanted_types() -> Iterator[tuple[str | None, str]]:
    """The SDK's type tokens with the ARM types and API versions that they stand for."""
    for token, kind in KINDS.items():
        if token in SENT_BY_HAND:
            yield None, SENT_BY_HAND[token][0]
        elif not kind.id.endswith("/resourceGroups/{resourceGroupName}"):
            parts = kind.id.rpartition("/providers/")[2].split("/")
            yield SAME_TYPE.get(token, token), f"{'/'.join([parts[0], *parts[1::2]])}@{_version(token)}"
        else:
            yield token, f"Microsoft.Resources/resourceGroups@{_version(token)}"


def _version(token: str) -> str:
    """The API version of a class of the SDK, by the text of its module."""
    _, module, name = token.split(":")
    class_ = getattr(importlib.import_module(f"pulumi_azure_native.{module}"), name)
    source = inspect.getsource(sys.modules[class_.__module__])
    found = re.search(r"Uses Azure REST API version (\d{4}-\d{2}-\d{2}(?:-preview)?)", source)
    if found is None:
        raise LookupError(f"the documentation of {token} names no API version")
    return found.group(1)


def _copied(document: list[Any], number: int, into: list[Any]) -> Mapping[str, str]:
    """Copy a type, with all that it refers to, to the end of a list; the reference to it there."""
    numbers: dict[int, int] = {}
    waiting = [number]
    while waiting:
        one = waiting.pop()
        if one not in numbers:
            numbers[one] = len(into) + len(numbers)
            waiting += [int(found) for found in re.findall(r'"\$ref": "#/(\d+)"', json.dumps(document[one]))]
    for one in numbers:
        text = json.dumps(document[one])
        into.append(
            json.loads(re.sub(r'"\$ref": "#/(\d+)"', lambda ref: f'"$ref": "#/{numbers[int(ref.group(1))]}"', text))
        )
    return {"$ref": f"#/{numbers[number]}"}


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.loads(answer.read())


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
