"""The Pulumi programs: what a stack consists of. Knows nothing of `bootstrap`, of manifests or of terminals."""
