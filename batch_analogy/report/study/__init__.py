"""User study: a page on which people rank the results of several methods, and its evaluation.

``page`` makes the page, one file that needs no network. ``study_key`` records which method made
which picture, which the page does not tell. ``answers`` reads the files that people send back, and
``results`` summarises them.
"""
