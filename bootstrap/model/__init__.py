"""The model's life in a project: run, gate, register, serve. The steps themselves run in the project's environment."""
