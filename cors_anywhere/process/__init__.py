"""The command and its process: sockets, accepting, serving, signals."""
