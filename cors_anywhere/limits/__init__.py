"""What a rate is, and the counting of requests against it."""
