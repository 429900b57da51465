"""`platform`."""
