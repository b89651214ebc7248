"""The two limits of ESI, counted exactly; `Limits` is what a program sees of them."""
