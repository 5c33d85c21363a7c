"""The policy engine: grants as values, one function that decides and explains. Pure: no I/O, no clock."""
