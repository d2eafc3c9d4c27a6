"""The instrument that comes with the package: its files, how a new home begins with them, and how they are made."""
