"""`blueprint`."""
