"""`python -m ackline` is the `ackline` command, whichever of several environments it runs from."""

from ackline.cli import main


if __name__ == "__main__":
    main()
