"""What a single layer of features is worth, by how it is learned and applied."""
