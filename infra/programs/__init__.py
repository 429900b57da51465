"""The Pulumi programs of the hub and of environments, assembled from components."""

from infra.settings import HubSettings, StackSettings


def create_resources(settings: StackSettings) -> None:
    """Create the resources of the stack with these settings."""
    # Imported here, because each program loads only the provider modules that it uses.
    if isinstance(settings, HubSettings):
        from infra.programs.hub import create_hub

        create_hub(settings)
    else:
        from infra.programs.environment import create_environment

        create_environment(settings)
