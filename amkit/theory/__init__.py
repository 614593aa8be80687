"""Section 4 and Appendix A: students that are linear, of small decision processes."""
