"""Load on the control plane: many fake proxies, a made-up world, one edit at a time, and what each edit costs."""
