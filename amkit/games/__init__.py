"""What is played: the catalogue of games, published scores, and the environments."""
