"""toposcope: the shape of what neural networks learn."""
