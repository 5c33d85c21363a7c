"""What a webhook says: one module for each form of body that receivers know."""
