"""All that uses Ray; no other package imports it. ``pool`` is what the driver uses.

``actor`` runs on the workers' machines, ``cluster`` finds and describes a Ray, ``metrics`` has the
figures that its dashboard serves, ``semantic_training`` trains many pictures at once.
"""
