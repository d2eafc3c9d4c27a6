"""How the networks learn: the loop, the losses, the checkpoints."""
