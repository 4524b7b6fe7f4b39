"""Models of searchers: a recurrent policy and a kernel density."""
