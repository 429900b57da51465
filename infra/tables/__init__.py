"""Facts of Azure and our choices, as tables: names, roles, alerts, network modes, private endpoints, policies."""
