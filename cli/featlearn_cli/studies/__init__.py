"""How each study is run and printed."""
