"""The database engines behind one port: transactions, group commit, migrations, portable SQL constants."""
