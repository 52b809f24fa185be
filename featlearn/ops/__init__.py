"""Operations: pure functions of tensors, each with its shapes, units and source."""
