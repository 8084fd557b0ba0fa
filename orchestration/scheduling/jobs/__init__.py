"""What a person or a sensor can start: selections of assets, and acts with typed settings.

Add a job here; what it calls lies elsewhere in `orchestration`.
"""
