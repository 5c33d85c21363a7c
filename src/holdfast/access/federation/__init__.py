"""Keyless machines: the token of a CI job or of a workload is taken for a robot, by rules over its claims."""
