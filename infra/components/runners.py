"""CI runners inside the hub's network, which reach services without a public address."""

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import devcenter, devopsinfrastructure

from infra.components.context import Component, StackContext
from infra.components.propagation import retry_with_new_roles
from infra.reference import Reference
from infra.settings import RunnerSettings

SERVICE = "Microsoft.DevOpsInfrastructure/pools"
"""The service that the runners' subnet is delegated to.
https://learn.microsoft.com/azure/devops/managed-devops-pools/configure-networking"""


def create_runner_pool(
    name: str,
    *,
    context: StackContext,
    subnet: Reference,
    runners: RunnerSettings,
    role_assignments: Sequence[pulumi.Resource],
    opts: pulumi.ResourceOptions,
) -> dict[str, Reference]:
    """Create a pool of runners for Azure DevOps. Each runner is a new machine, runs one job and is deleted afterwards.

    Returns the resources with diagnostics, by the last part of the setting's name.

    Args:
        role_assignments: The service's roles on the network.
    """
    with Component("runners:RunnerPool", name, opts, runners.origin) as parent:
        center = devcenter.DevCenter(
            f"{name}-center",
            resource_group_name=context.group.name_output,
            dev_center_name=context.name("dev_center"),
            location=context.location,
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=parent),
        )
        center_reference = context.reference(center, "dev_center")
        # Azure requires that every pool belongs to a project of a dev center.
        project = devcenter.Project(
            f"{name}-project",
            resource_group_name=context.group.name_output,
            project_name=context.name("dev_center_project"),
            location=context.location,
            dev_center_id=center_reference.id_output,
            tags=context.tags,
            opts=pulumi.ResourceOptions(parent=parent),
        )
        pool = devopsinfrastructure.Pool(
            name,
            resource_group_name=context.group.name_output,
            pool_name=context.name("runner_pool"),
            location=context.location,
            dev_center_project_resource_id=context.reference(project, "dev_center_project").id_output,
            maximum_concurrency=runners.max_runners,
            agent_profile=devopsinfrastructure.StatelessAgentProfileArgs(kind="Stateless"),
            organization_profile=devopsinfrastructure.AzureDevOpsOrganizationProfileArgs(
                kind="AzureDevOps",
                organizations=[
                    devopsinfrastructure.OrganizationArgs(
                        url=f"https://dev.azure.com/{runners.organization}",
                        projects=list(runners.projects),
                        parallelism=runners.max_runners,
                        open_access=False,
                    )
                ],
                permission_profile=devopsinfrastructure.AzureDevOpsPermissionProfileArgs(
                    kind=devopsinfrastructure.AzureDevOpsPermissionType.INHERIT
                ),
            ),
            fabric_profile=devopsinfrastructure.VmssFabricProfileArgs(
                kind="Vmss",
                sku=devopsinfrastructure.DevOpsAzureSkuArgs(name=runners.size),
                images=[devopsinfrastructure.PoolImageArgs(well_known_image_name=runners.image, buffer="*")],
                network_profile=devopsinfrastructure.NetworkProfileArgs(subnet_id=subnet.id_output),
                os_profile=devopsinfrastructure.OsProfileArgs(logon_type=devopsinfrastructure.LogonType.SERVICE),
            ),
            tags=context.tags,
            opts=pulumi.ResourceOptions(
                parent=parent,
                depends_on=list(role_assignments),
                hooks=retry_with_new_roles(role_assignments),
            ),
        )
    return {f"{name}-center": center_reference, name: context.reference(pool, "runner_pool")}
