"""Keys of users and robots: secrets for machines and command lines, recognised without argon2."""
