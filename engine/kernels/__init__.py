"""Machine code for the hottest loop, built when the package is installed where a C++ compiler is. Optional."""
