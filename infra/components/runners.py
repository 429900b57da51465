"""Runners of CI inside a network: for what has no public address."""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import devcenter, devopsinfrastructure

from infra.components.place import Place
from infra.origin import asked_for_by
from infra.reference import Reference
from infra.settings import RunnerSettings

SERVICE = "Microsoft.DevOpsInfrastructure/pools"
"""The service that the subnet of the runners is delegated to.
https://learn.microsoft.com/azure/devops/managed-devops-pools/configure-networking"""


@dataclass(frozen=True)
class RunnerPoolArgs:
    """The pool, and the subnet that its runners are put into.

    Attributes:
        after: What must be there before, such as the service's rights on the network.
    """

    place: Place
    subnet: Reference
    runners: RunnerSettings
    after: list[pulumi.Resource]


class RunnerPool(pulumi.ComponentResource):
    """A pool of fresh machines for Azure DevOps: each runs one job and goes away; none waits. It takes no secret."""

    reporting: dict[str, Reference]

    def __init__(self, name: str, args: RunnerPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:runners:RunnerPool", name, None, opts)
        place, runners = args.place, args.runners
        asked_for_by(self, runners.origin)
        self.reporting = {}
        project = self._project(name, place)
        pool_name = place.names.of("runner_pool", *place.words)
        pool = devopsinfrastructure.Pool(
            name,
            resource_group_name=place.group.name_when_made,
            pool_name=pool_name,
            location=place.location,
            dev_center_project_resource_id=project.id_when_made,
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
                network_profile=devopsinfrastructure.NetworkProfileArgs(subnet_id=args.subnet.id_when_made),
                os_profile=devopsinfrastructure.OsProfileArgs(logon_type=devopsinfrastructure.LogonType.SERVICE),
            ),
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.after),
        )
        self.reporting[name] = place.group.within(f"providers/{SERVICE}/{pool_name}", pool)
        self.register_outputs({"id": self.reporting[name].id})

    def _project(self, name: str, place: Place) -> Reference:
        """The dev center's project that Azure wants every pool to belong to."""
        center_name = place.names.of("dev_center", *place.words)
        center = devcenter.DevCenter(
            f"{name}-center",
            resource_group_name=place.group.name_when_made,
            dev_center_name=center_name,
            location=place.location,
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.reporting[f"{name}-center"] = place.group.within(
            f"providers/Microsoft.DevCenter/devcenters/{center_name}", center
        )
        project_name = place.names.of("dev_center_project", *place.words)
        project = devcenter.Project(
            f"{name}-project",
            resource_group_name=place.group.name_when_made,
            project_name=project_name,
            location=place.location,
            dev_center_id=self.reporting[f"{name}-center"].id_when_made,
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return place.group.within(f"providers/Microsoft.DevCenter/projects/{project_name}", project)
