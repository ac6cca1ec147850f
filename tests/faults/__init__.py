"""Faults of disk, machine and user during the main job."""
