"""What may not be read by whoever has the disk: sealed fields, blind indexes, their keys."""
