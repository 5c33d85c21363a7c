"""Last use: when each tag and each manifest was pulled last, and since when that is known without a gap."""
