"""Dagster: assets by area, checks, schedules, sensors, resources and partitions.

An asset calls one stage and reports counts by outcome; what a stage does is not here.
"""
