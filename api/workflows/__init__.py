"""One module per thing a person comes to do."""
