"""What the records say, in the words of other standards: one file a standard."""
