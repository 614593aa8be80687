"""The colours of every figure: who is drawn looks the same in all of them."""

RANDOM_PLAY = "#7f7f7f"  # Grey.
RANDOM_WEIGHTS = "#000000"
EXPERT = "#2ca02c"  # Green.
AMN = "#1f77b4"  # Blue.
AMN_FEATURE = "#ff7f0e"  # Orange.
MDQN = "#d62728"
MCDQN = "#9467bd"
PUBLISHED = "#8c564b"  # What others have reported.
# Without a role.
OTHERS = (MDQN, MCDQN, "#e377c2", "#17becf", "#bcbd22", "#3b3b98", "#00695c", "#e6ab02")
