"""One file per assignment: references of its functions, its tests, and mistakes with hints."""
