"""Every reach past Tune's public API, one file each."""
