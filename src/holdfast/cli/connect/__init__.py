"""`holdfast connect`: the configuration of clients, orchestrators and pipelines, with an account of their own."""
