"""The terminal: console, tables, progress. The only package that imports Rich."""
