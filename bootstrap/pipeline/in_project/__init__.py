"""Scripts that run under the project's Python. They import only packages of the project, nothing of mlops-bootstrap."""
