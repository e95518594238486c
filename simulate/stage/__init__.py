"""What every command of the pipeline shares: options, errors in one line, progress, seeds."""
