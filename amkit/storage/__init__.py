"""What stays on disk: models and their cards, experts, run folders, checkpoints."""
