"""Real servers and real addresses for the tests: a name server, and a network namespace."""
