"""What the programs send to Azure, held against what Azure publishes."""
