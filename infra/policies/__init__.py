"""What a plan must satisfy: rules over plain resources, for plans (`bootstrap.stack.checks`) and the engine alike.

`rule` says what a rule is, `rules` is the table of all; the other modules hold their data and what they judge by.
"""
