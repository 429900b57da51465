"""Datastores: names under which a workspace uses existing data. None of them contains a key."""

from typing import Any, assert_never

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.components.context import Component, StackContext
from infra.reference import Reference
from infra.settings import ONELAKE, DatastoreSettings


def create_datastore(
    name: str,
    *,
    context: StackContext,
    workspace: Reference,
    datastore: DatastoreSettings,
    opts: pulumi.ResourceOptions,
) -> None:
    """Create a datastore without credentials: whoever uses it reads and writes with an identity that has roles.

    Previews in the studio too use the login of the person, not the workspace's identity (`NONE`), so that they show
    nothing to people without a role on the data.
    https://learn.microsoft.com/azure/machine-learning/how-to-administrate-data-authentication
    """
    with Component("data:Datastore", name, opts, datastore.origin) as parent:
        ml.Datastore(
            name,
            resource_group_name=context.group.name_output,
            workspace_name=workspace.name_output,
            name=datastore.name,
            properties=_properties(datastore),
            opts=pulumi.ResourceOptions(parent=parent),
        )


def _properties(
    datastore: DatastoreSettings,
) -> (
    ml.AzureBlobDatastoreArgs | ml.AzureDataLakeGen2DatastoreArgs | ml.AzureFileDatastoreArgs | ml.OneLakeDatastoreArgs
):
    common: dict[str, Any] = {
        "credentials": ml.NoneDatastoreCredentialsArgs(credentials_type="None"),
        "service_data_access_auth_identity": ml.ServiceDataAccessAuthIdentity.NONE,
    }
    if datastore.storage_id is not None:
        account = Reference(datastore.storage_id)
        common |= {
            "account_name": account.name,
            "subscription_id": account.subscription_id,
            "resource_group": account.resource_group,
        }
    match datastore.kind:
        case "container":
            return ml.AzureBlobDatastoreArgs(datastore_type="AzureBlob", container_name=datastore.path, **common)
        case "filesystem":
            return ml.AzureDataLakeGen2DatastoreArgs(
                datastore_type="AzureDataLakeGen2", filesystem=datastore.path, **common
            )
        case "share":
            return ml.AzureFileDatastoreArgs(datastore_type="AzureFile", file_share_name=datastore.path, **common)
        case "lakehouse":
            # https://learn.microsoft.com/azure/machine-learning/how-to-datastore#create-a-onelake-datastore
            return ml.OneLakeDatastoreArgs(
                datastore_type="OneLake",
                endpoint=ONELAKE,
                one_lake_workspace_name=datastore.fabric_workspace or "",
                artifact=ml.LakeHouseArtifactArgs(artifact_type="LakeHouse", artifact_name=f"{datastore.path}/Files"),
                **common,
            )
        case _:
            assert_never(datastore.kind)
