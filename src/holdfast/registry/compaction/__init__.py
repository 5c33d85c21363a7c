"""Compaction: content that lies in several objects becomes one."""
