"""What the operator sees of requests. All of it reads `Outcome`."""
