"""For code that runs inside a trial."""
