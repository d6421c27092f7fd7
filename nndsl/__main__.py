"""`python -m nndsl`: the same as the command `nndsl`."""

from nndsl.cli import main

if __name__ == "__main__":
    main()
