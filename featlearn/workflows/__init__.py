"""One function per command, each returning a result struct."""
