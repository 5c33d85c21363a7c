"""Who pulls what: pulls and pushes counted by day, and what that says of images and teams."""
