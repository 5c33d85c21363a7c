"""The `holdfast` command: server verbs today, client verbs (HTTP only) later."""
