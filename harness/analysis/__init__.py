"""What records show: reliance, downscaling, bottleneck, comparison, position bias and the summary of a run."""
