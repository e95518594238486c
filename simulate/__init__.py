"""Simulations of the Kob-Andersen mixture: from nothing to isoconfigurational ensembles."""
