"""Upload: blobs in one request or in many, resumable, and mounts."""
