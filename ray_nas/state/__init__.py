"""What a restore needs: state files, and states saved with the searcher's."""
