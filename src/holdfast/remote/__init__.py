"""A client for other hosts: what the program asks of addresses that somebody stored."""
