"""Every command that writes, killed at every change of the file system, then called again."""
