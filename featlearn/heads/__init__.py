"""What is trained with labels on top of a stack."""
