"""`model`."""
