"""A page that shows a run and steers it, served by this machine and made of the run folder alone.

The server reads what a run writes anyway: plan, journal, status and frames. It makes no frames: it
edits ``plan.json`` as a person does, and starts the commands that a person would type.
"""
