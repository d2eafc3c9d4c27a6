"""What the service keeps between requests: accounts, jobs, uploads, and a directory of what is on chain."""
