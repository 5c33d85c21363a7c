"""How well unusual access is told: generated traffic, planted attacks, benign shocks, and the speed of the detector."""
