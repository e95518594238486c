"""A linear model of descriptors averaged over neighbours."""
