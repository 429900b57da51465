"""What bills while nothing runs, and its price in the public price list of Azure."""
