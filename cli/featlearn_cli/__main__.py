"""Run the command line by `python -m featlearn_cli`."""

from featlearn_cli.main import main

if __name__ == "__main__":
    main()
