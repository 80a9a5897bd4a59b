"""Stream mode: applications that hear of the messenger over WebSockets which they opened themselves."""
