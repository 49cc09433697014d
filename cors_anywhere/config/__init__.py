"""What the operator wrote, turned into `Settings`; every mistake at once."""
