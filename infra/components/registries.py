"""The container registry of a workspace, and the model registry of the organization."""

from collections.abc import Sequence
from functools import partial

import pulumi
from pulumi_azure_native import containerregistry
from pulumi_azure_native import machinelearningservices as ml

from infra.components.context import Component, CustomerKey, StackContext
from infra.reference import Reference
from infra.tables.network_modes import PublicAccess
from infra.tables.regions import has_zones


def create_container_registry(
    name: str,
    *,
    context: StackContext,
    premium: bool,
    access: PublicAccess,
    zone_redundant: bool = False,
    replicas: Sequence[str] = (),
    key: CustomerKey | None = None,
    opts: pulumi.ResourceOptions,
) -> Reference:
    """Create the container registry of a workspace, without passwords.

    Args:
        premium: Whether it has the Premium tier, which private endpoints, IP rules, customer-managed keys, replicas and
            the declaration of zone redundancy need.
        zone_redundant: Whether it is declared as zone-redundant. In regions with zones, Azure spreads every registry:
            https://learn.microsoft.com/azure/container-registry/zone-redundancy
        replicas: The other locations with a copy of its images.
        key: The key that encrypts it; None for Azure's own.
    """
    needed = key.role_assignments if key is not None else ()
    with Component("registries:ContainerRegistry", name, opts) as parent:
        registry = containerregistry.Registry(
            name,
            resource_group_name=context.group.name_output,
            registry_name=context.name("container_registry"),
            location=context.location,
            sku=containerregistry.SkuArgs(
                name=containerregistry.SkuName.PREMIUM if premium else containerregistry.SkuName.STANDARD
            ),
            admin_user_enabled=False,
            anonymous_pull_enabled=False,
            public_network_access=containerregistry.PublicNetworkAccess.ENABLED
            if access.enabled
            else containerregistry.PublicNetworkAccess.DISABLED,
            network_rule_set=_network_rules(access),
            zone_redundancy=containerregistry.ZoneRedundancy.ENABLED if zone_redundant else None,
            identity=_identity(key),
            encryption=_encryption(key),
            network_rule_bypass_options=containerregistry.NetworkRuleBypassOptions.AZURE_SERVICES,
            tags=context.tags,
            opts=context.stateful(parent, role_assignments=needed, kind="container_registry"),
        )
        reference = context.reference(registry, "container_registry")
        for location in replicas:
            containerregistry.Replication(
                f"{name}-{location}",
                resource_group_name=context.group.name_output,
                registry_name=reference.name_output,
                # Azure gives a replica the name of its location.
                replication_name=location,
                location=location,
                region_endpoint_enabled=True,
                zone_redundancy=containerregistry.ZoneRedundancy.ENABLED
                if zone_redundant and has_zones(location)
                else containerregistry.ZoneRedundancy.DISABLED,
                tags=context.tags,
                opts=pulumi.ResourceOptions(parent=parent),
            )
    return reference


def _identity(key: CustomerKey | None) -> containerregistry.IdentityPropertiesArgs | None:
    if key is None:
        return None
    return containerregistry.IdentityPropertiesArgs(
        type=containerregistry.ResourceIdentityType.USER_ASSIGNED,
        # A map, so its keys cannot be outputs. The registry depends on the identity through its role assignments.
        user_assigned_identities={key.identity.id: containerregistry.UserIdentityPropertiesArgs()},
    )


def _encryption(key: CustomerKey | None) -> containerregistry.EncryptionPropertyArgs | None:
    # https://learn.microsoft.com/azure/container-registry/tutorial-customer-managed-keys
    if key is None:
        return None
    return containerregistry.EncryptionPropertyArgs(
        status=containerregistry.EncryptionStatus.ENABLED,
        key_vault_properties=containerregistry.KeyVaultPropertiesArgs(
            identity=key.client_id, key_identifier=key.url_without_version
        ),
    )


def _network_rules(access: PublicAccess) -> containerregistry.NetworkRuleSetArgs | None:
    """The IP rules. Only the Premium tier accepts a rule set, even one that allows all addresses."""
    if access.unrestricted:
        return None
    return containerregistry.NetworkRuleSetArgs(
        default_action=containerregistry.DefaultAction.DENY,
        ip_rules=[
            containerregistry.IPRuleArgs(action=containerregistry.Action.ALLOW, i_p_address_or_range=ip_range)
            for ip_range in access.allowed_ips
        ],
    )


class ModelRegistry(Component):
    """The Azure ML registry through which the organization's environments share models.

    Azure creates a storage account for it in each location, and one container registry with replicas in all of them.
    https://learn.microsoft.com/azure/machine-learning/how-to-manage-registries

    Attributes:
        storage_ids: The ids of the storage accounts, by location; known after the registry's creation.
        container_registry_id: The id of the container registry; known after the registry's creation.
    """

    registry: Reference
    storage_ids: dict[str, pulumi.Output[str]]
    container_registry_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        context: StackContext,
        locations: Sequence[str],
        public: bool,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Create the registry.

        Args:
            locations: Where it keeps copies: the locations of the hub and of all environments.
            public: Whether it has a public address.
        """
        super().__init__("registries:ModelRegistry", name, opts)
        registry = ml.Registry(
            name,
            resource_group_name=context.group.name_output,
            registry_name=context.name("model_registry"),
            location=context.location,
            identity=ml.ManagedServiceIdentityArgs(type=ml.ManagedServiceIdentityType.SYSTEM_ASSIGNED),
            public_network_access=ml.PublicNetworkAccessType.ENABLED if public else ml.PublicNetworkAccessType.DISABLED,
            region_details=[_region(location) for location in locations],
            tags=context.tags,
            opts=context.stateful(self),
        )
        self.registry = context.reference(registry, "model_registry")
        # A preview returns the regions as they were requested. The id is unknown until Azure has created the registry.
        regions: pulumi.Output[_Regions] = registry.id.apply(lambda _: registry.region_details)
        self.storage_ids = {location: regions.apply(partial(_storage_id, location=location)) for location in locations}
        self.container_registry_id = regions.apply(lambda known: _container_registry_id(known, context.location))
        self.register_outputs({})


_Regions = Sequence["ml.outputs.RegistryRegionArmDetailsResponse"] | None


def _region(location: str) -> ml.RegistryRegionArmDetailsArgs:
    images = ml.SystemCreatedAcrAccountArgs(acr_account_sku="Premium")
    files = ml.SystemCreatedStorageAccountArgs(
        storage_account_type="Standard_LRS", storage_account_hns_enabled=False, allow_blob_public_access=False
    )
    return ml.RegistryRegionArmDetailsArgs(
        location=location,
        acr_details=[ml.AcrDetailsArgs(system_created_acr_account=images)],
        storage_account_details=[ml.StorageAccountDetailsArgs(system_created_storage_account=files)],
    )


def _storage_id(regions: _Regions, location: str) -> str:
    """The id of the storage account in a location. Raises ValueError when Azure's answer lacks it."""
    accounts = [
        details.system_created_storage_account
        for details in _region_details(regions, location).storage_account_details or ()
    ]
    return _first_id([account.arm_resource_id for account in accounts if account], "storage account", location)


def _container_registry_id(regions: _Regions, location: str) -> str:
    """The id of the container registry, which Azure returns with each location. Raises ValueError if it is missing."""
    registries = [
        details.system_created_acr_account for details in _region_details(regions, location).acr_details or ()
    ]
    return _first_id([registry.arm_resource_id for registry in registries if registry], "container registry", location)


def _region_details(regions: _Regions, location: str) -> "ml.outputs.RegistryRegionArmDetailsResponse":
    for region in regions or ():
        if region.location == location:
            return region
    raise ValueError(f"Azure's answer has no location {location} of the model registry")


def _first_id(ids: "Sequence[ml.outputs.ArmResourceIdResponse | None]", what: str, location: str) -> str:
    known = [id_.resource_id for id_ in ids if id_ and id_.resource_id]
    if not known:
        raise ValueError(f"Azure's answer has no {what} of the model registry in {location}")
    return known[0]
