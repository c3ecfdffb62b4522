"""A page that shows a run and steers it, served by this machine and made of the run folder alone.

The server reads what a run writes anyway: plan, journal, status and frames. It makes no frames and
never writes into the run folder itself; what the page asks for is done by the commands.
"""
