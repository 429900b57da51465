"""The manifests: platform.yaml, teams/*.yaml and links.yaml.

`platform` reads and checks them and holds the settings of the stacks; `scaffold` makes a new repository; `schemas`
makes the JSON Schemas; `names` tells the stacks' names quickly. Nothing is imported here, so that a shell that
completes names does not pay for the rest.
"""
