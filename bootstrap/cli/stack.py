"""`stack`."""
