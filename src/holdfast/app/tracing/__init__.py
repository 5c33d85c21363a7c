"""Traces by OpenTelemetry, an extra: without the setting nothing is at work, and neither SDK nor exporter loaded."""
