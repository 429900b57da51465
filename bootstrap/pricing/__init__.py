"""What Azure bills while nothing runs, and its price in Azure's public price list."""
