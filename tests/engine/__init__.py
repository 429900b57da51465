"""The real Pulumi engine, and what it makes of our programs where the tests answer for Azure."""
