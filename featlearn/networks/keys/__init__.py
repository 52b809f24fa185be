"""What other libraries call the weights of published networks."""
