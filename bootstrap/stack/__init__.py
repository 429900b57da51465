"""What stacks would contain, how that differs between commits, and reports of both.

Import from the modules: this file imports none, so that the command line knows the report forms at no cost.
"""
