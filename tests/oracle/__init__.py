"""What EsiPy 1.x made of a call and of a response, asked of the engine that it was built on (pyswagger 0.8.39)."""
