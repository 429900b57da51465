"""mlops-bootstrap: from nothing to governed machine learning on Azure.

The packages below hold the services; `bootstrap.cli` is the command line over them. Nothing here imports a heavy
library when it is itself imported, so that `--help` answers at once.
"""

__version__ = "0.1.0"
