"""From a plan to what is executed of it: what is done, what is chosen, who does it."""
