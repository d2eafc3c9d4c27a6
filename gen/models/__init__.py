"""The neural networks, a whole model in each file."""
