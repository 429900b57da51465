"""Attacks on the command line: hand-made cases as data, mutations of every file that it reads, hostile repositories.

`make attack` runs all of it for about ten minutes; `make test` runs the hand-made cases and a small sample.
"""
