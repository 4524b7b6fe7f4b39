"""The report's sections: each turns an experiment into what its template shows."""
