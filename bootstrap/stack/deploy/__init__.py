"""Deployments: the stacks' programs under the real Pulumi engine."""
