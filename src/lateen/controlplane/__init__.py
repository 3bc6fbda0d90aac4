"""What open streams get next: batches in, sends out; no I/O.

    feed -> plane (who has to look again) -> session -> rollout, gates (what may go now) -> protocols.ads

Rule: order of delivery is history and lives in one machine per stream; everything else is asked from the engine.
"""
