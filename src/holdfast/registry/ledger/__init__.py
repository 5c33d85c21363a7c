"""The storage ledger: how many bytes lie where, and for whom."""
