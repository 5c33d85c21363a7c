"""Who used which right, counted; and the refusals and log-ins that the journal is told, folded."""
