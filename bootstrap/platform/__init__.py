"""The manifests: platform.yaml and teams/*.yaml."""
