"""Workers on Ray; no other package imports ``ray``.

``pool`` holds the workers of a film, and ``actor`` is the worker on its machine.
``semantic_training`` trains several pictures at once. ``cluster`` starts or joins Ray, ``lifeline``
detects that it has died, and ``metrics`` supplies figures to its dashboard.
"""
