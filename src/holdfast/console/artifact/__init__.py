"""The pages of one artifact, and of two compared."""
