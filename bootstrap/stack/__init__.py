"""Stacks: plan and its reports."""
