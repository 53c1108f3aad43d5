"""How fast a provider's key may be used: one budget for all processes that use it.

`valve.py` decides how fast, by what the endpoint answers; `local.py` and `shared.py` keep the
budget, in the process or in Redis; `pacer.py` lets calls wait for their turn.
"""
