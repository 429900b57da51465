"""What stacks would contain: planned in process, checked by the rules, cached by content."""
