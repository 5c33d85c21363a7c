"""Reach: whether tags lead to content, through indexes, subjects and signature tags, now or inside the window."""
