"""What differs between the plans of two commits of a platform repository."""
