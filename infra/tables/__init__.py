"""Facts of Azure and choices of ours as tables: names, roles, alerts, network modes, private endpoints, policies."""
