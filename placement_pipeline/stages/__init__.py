"""The month's stages: each joins connectors and tables through the rules of ``domain``.

An asset and a command do the same work because both call a stage. A stage knows neither
Dagster nor the terminal; it returns counts by outcome.
"""
