"""Workload identity: SPIFFE names, checks of signing requests, signing, and the schedule of renewals.

All pure: keys, times, serial numbers and jitter are arguments.
"""
