"""`python -m toposcope` is the same command as `toposcope`."""

from toposcope.cli import entry_point

if __name__ == "__main__":
    entry_point()
