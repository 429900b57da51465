"""Azure, simulated: ids, computed outputs and required inputs of each kind of resource, as a Pulumi provider."""
