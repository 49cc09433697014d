"""The proxy in Tornado's terms: thin adapters over one relay."""
