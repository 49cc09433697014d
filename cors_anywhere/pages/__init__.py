"""Files that the proxy serves about itself."""
