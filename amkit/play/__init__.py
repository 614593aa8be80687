"""Acting: a policy plays environments; a replay memory keeps the steps."""
