"""The tour: it runs every command as a user would type it, and writes one page with the results."""
