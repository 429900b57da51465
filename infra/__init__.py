"""The Pulumi programs. This package does not depend on `bootstrap`, on manifests or on terminals."""
