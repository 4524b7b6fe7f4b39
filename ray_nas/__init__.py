"""Neural architecture search as plug-ins of Ray Tune."""
