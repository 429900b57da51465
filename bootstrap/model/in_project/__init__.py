"""Scripts that the project's own Python runs. They import nothing of ours: only the standard library and MLflow."""
