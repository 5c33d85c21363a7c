"""Finding anything: the search page, and what the command palette asks for."""
