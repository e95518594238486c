"""Learning: predict how far each particle will move from static structure alone."""
