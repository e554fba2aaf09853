"""ImageNet as open classification."""
