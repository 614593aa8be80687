"""From a preset to a configuration, a run, a model and its card; and what that costs here."""
