"""Mutation testing of `infra` and `bootstrap/manifests`: small changes of the code that some test must notice.

`make mutants` runs it; CONTRIBUTING.md describes it. Each mutant is compiled from a changed syntax tree and imported in
a forked process in place of its module: no file is written, and several hundred mutants take minutes.
"""
