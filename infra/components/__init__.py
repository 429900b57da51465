"""Components: groups of Azure resources that programs are assembled from.

A component with several results is a class; one with a single result, or none, is a function `create_…`.
"""
