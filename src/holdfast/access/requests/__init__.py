"""Requests for access: who was refused asks, and who manages access there approves or declines."""
