"""Components: groups of Azure resources that programs are assembled from.

A component is a function `create_…` that returns what other resources need, or a class where that is several outputs.
"""
