"""Motion of films: flow between frames, matches carried along it, and shots."""
