"""Everything that knows Ray, and nothing else imports it: ``pool`` is what the driver uses.

``actor`` is what runs on the workers' machines, ``cluster`` finds and describes a Ray, ``metrics``
are the figures that its dashboard serves.
"""
