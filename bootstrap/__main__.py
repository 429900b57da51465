"""`python -m bootstrap` is the command line."""

from bootstrap.cli.main import main

main()
