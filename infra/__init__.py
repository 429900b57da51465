"""The Pulumi programs: settings, names and roles as tables, components, and the programs made of them."""
