"""Deep networks against a support vector machine on digits that are made harder to read."""
