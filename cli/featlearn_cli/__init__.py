"""The command line of featlearn: parse, call a workflow, show its result."""
