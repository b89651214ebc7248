"""Where descriptions and configuration files are read from."""
