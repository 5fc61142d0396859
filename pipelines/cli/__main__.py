"""`python -m diptych.pipelines.cli`, for older scripts: all commands but `bench`."""

from .main import main

if __name__ == "__main__":
    main()
