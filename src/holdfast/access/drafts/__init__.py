"""The policy as a file: exported, compared with what stands, tried against past use, applied."""
