"""Sweep: what nobody refers to any more: doomed objects, expired uploads, staged files of sessions that never were."""
