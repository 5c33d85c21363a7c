"""What an optional feature adds to the core, as one frozen record; deleting a feature leaves all else as it is."""
