"""What a stage learns by without labels: objectives and their named terms."""
