"""`/metrics`: what the processes of a server counted, what the database and the machine say, as Prometheus reads it."""
