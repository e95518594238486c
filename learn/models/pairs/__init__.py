"""Pairs: networks on the pairs of a configuration, thermal and inherent, averaged with the linear model."""
