"""Job files of Azure ML, read, checked and run."""
